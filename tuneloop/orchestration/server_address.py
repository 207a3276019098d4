"""The Prefect server of the commands. None of them starts a temporary one."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from tuneloop.errors import ConfigurationError
from tuneloop.project.home import own_reports, own_server

_NAME = "PREFECT_API_URL"
_REPORTS = "TUNELOOP_REPORTS_URL"
_LONGEST_SENDING_S = 15


def use_server(*, emits: bool = False, instead: str = "") -> str:
    """Raise `ConfigurationError` without a Prefect server, before Prefect is imported or anything is written.

    Returns what names the server, for people.

    Args:
        emits: The command has events of its own to send.
        instead: What else one may do, for a command that has a way without a server.
    """
    named_by = _NAME if _NAME in os.environ else "Prefect's settings"
    if _NAME not in os.environ and (own := own_server(Path())) is not None:
        os.environ[_NAME], named_by = own, "`tuneloop up`"
    if named_server() is None:
        raise ConfigurationError(
            f"{_NAME} is not set, so there is no Prefect server to speak to. Run `tuneloop up` in the folder of a "
            f"project, or `prefect server start` and then `prefect config set {_NAME}=http://127.0.0.1:4200/api`{instead}"
        )
    if not emits:
        send_no_events()
    return named_by


def link_to_own_reports() -> None:
    """Link to pages of the project's store where `tuneloop up` serves them, as its runs do."""
    if (served := own_reports(Path())) is not None:
        os.environ.setdefault(_REPORTS, served)


def send_no_events() -> None:
    """Send none of the events that Prefect emits for each opened block, which keep every command waiting."""
    from prefect.events.clients import NullEventsClient  # noqa: PLC0415 - importing Prefect takes a second
    from prefect.events.worker import EventsWorker  # noqa: PLC0415 - as above

    EventsWorker.set_client_override(NullEventsClient)


def send_events() -> None:
    """Send a command's events. Prefect does so too while Python ends, but with a warning."""
    if "prefect.events.worker" not in sys.modules:
        return
    from prefect.events.worker import EventsWorker  # noqa: PLC0415 - as above

    # Prefect's own way to look which there are; its `instance()` would make one, and a server for it. Among them
    # are services of other kinds, such as the one for logs, which is empty only once it is stopped.
    services = list(EventsWorker._instances.values())  # type: ignore[misc]  # noqa: SLF001
    for worker in (each for each in services if isinstance(each, EventsWorker)):
        sending = threading.Thread(target=worker.wait_until_empty, daemon=True)
        sending.start()
        sending.join(_LONGEST_SENDING_S)


def named_server() -> str | None:
    """As `server_url`, without importing Prefect where no place can name a server; that takes a second.

    Raises `ConfigurationError` where what goes to the server could be read on the way.
    """
    from tuneloop.http.addresses import check_encrypted  # noqa: PLC0415 - `tuneloop --help` needs none

    url = server_url() if any(_may_name_a_server()) else None
    check_encrypted(url or "", "the Prefect server", "the keys in its blocks")
    return url


def server_url() -> str | None:
    """Address of the server's API, None where none is named."""
    from prefect.settings import get_current_settings  # noqa: PLC0415 - as above

    return get_current_settings().api.url or None


def trouble_with_server(error: Exception) -> str | None:
    """One line for a server that does not respond or rejects; None for any other error."""
    import httpx  # noqa: PLC0415 - only where something has gone wrong

    if isinstance(error, RuntimeError) and isinstance(error.__cause__, Exception):
        error = error.__cause__  # as a flow of ours is told that the server is not there
    if not isinstance(error, httpx.HTTPError):
        return None
    place = urlsplit(server_url() or "")
    server = f"the Prefect server at {place.hostname}:{place.port or place.scheme}"
    if isinstance(error, httpx.HTTPStatusError):
        return f"{server} answers {error.response.status_code} to {error.request.url.path}; see its log"
    return f"{server} does not answer ({error or type(error).__name__}); start it, or correct {_NAME}"


def is_address(store: str) -> bool:
    """Return True for an address, False for a block's slug."""
    return "://" in store


def _may_name_a_server() -> Iterator[bool]:
    """Go through the places where Prefect looks for its server, without importing Prefect."""
    yield any(name.upper() in {_NAME, "PREFECT_PROFILE", "PREFECT_PROFILES_PATH"} for name in os.environ)
    yield Path(os.environ.get("PREFECT_HOME") or "~/.prefect", "profiles.toml").expanduser().is_file()
    yield Path("prefect.toml").is_file()
    for file, sign in ((".env", "PREFECT_"), ("pyproject.toml", "[TOOL.PREFECT")):
        with suppress(OSError, UnicodeError):
            yield sign in Path(file).read_text(encoding="utf-8").upper()
