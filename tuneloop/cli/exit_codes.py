"""What the exit code of a command says: who has to do something about it."""

from __future__ import annotations

from tuneloop.errors import (
    ConfigurationError,
    DatasetError,
    DatasetUnavailable,
    NoStore,
    ProviderUnavailable,
    StoreUnavailable,
    TuneloopError,
)

REFUSED = 1
"""All worked, and the answer is no, or something needs attention."""
USAGE = 2
"""What the command was given is wrong: an argument, a setting, a file."""
OUTAGE = 3
"""A server, a provider or a store did not respond; the same command may work later."""
INTERRUPTED = 130
"""Somebody pressed Ctrl-C."""

_CODES: tuple[tuple[type[Exception], int], ...] = (
    (DatasetUnavailable, OUTAGE),
    (ProviderUnavailable, OUTAGE),
    (StoreUnavailable, OUTAGE),
    (ConfigurationError, USAGE),
    (DatasetError, USAGE),
    (NoStore, USAGE),
    (TuneloopError, REFUSED),
    (ConnectionError, OUTAGE),
    (TimeoutError, OUTAGE),
    (OSError, USAGE),
    (ValueError, USAGE),
)
"""The first class that an error is of says its code."""
_TOO_MANY_REQUESTS = 429
_SERVER_ERROR = 500


def exit_code_of(error: Exception) -> int | None:
    """The exit code for an error; None if it is unexpected."""
    import httpx  # noqa: PLC0415 - only where something has gone wrong

    from tuneloop.local_server.processes import ProgramFailed  # noqa: PLC0415 - as above

    if isinstance(error, RuntimeError) and isinstance(error.__cause__, httpx.HTTPError):
        return OUTAGE  # Prefect has lost its server
    if isinstance(error, httpx.HTTPStatusError):
        status = error.response.status_code
        return OUTAGE if status == _TOO_MANY_REQUESTS or status >= _SERVER_ERROR else REFUSED
    if isinstance(error, (httpx.HTTPError, ProgramFailed)):
        return OUTAGE
    return next((code for kind, code in _CODES if isinstance(error, kind)), None)
