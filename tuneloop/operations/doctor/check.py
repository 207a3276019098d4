"""What one check has found, and how checks are run: side by side, each bounded in time."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextvars import copy_context
from threading import Thread
from typing import Any, Literal, NamedTuple, NoReturn, TypeVar

from tuneloop.errors import TuneloopError
from tuneloop.redaction import redact
from tuneloop.schemas.frozen import FrozenModel

LIMIT_S = 30.0
"""Longer than anything takes that responds at all."""
_T = TypeVar("_T")
_begun: list[Future[Any]] = []
"""Every check of this process."""


class Check(FrozenModel):
    """One thing that was checked."""

    name: str
    """What was checked, such as `store s3-bucket/artifacts`."""
    status: Literal["ok", "problem", "unknown"]
    message: str
    """What was found, in a few words."""
    remedy: str = ""
    """Why, and what to do; empty where all is well."""


def ok(name: str, message: str) -> Check:
    """What is as it should be."""
    return Check(name=name, status="ok", message=message)


def problem(name: str, message: str, remedy: str) -> Check:
    """What a person has to mend."""
    return Check(name=name, status="problem", message=message, remedy=remedy)


def unknown(name: str, message: str, remedy: str) -> Check:
    """What could not be found out."""
    return Check(name=name, status="unknown", message=message, remedy=remedy)


class Planned(NamedTuple):
    """Something to check."""

    name: str
    """What its result is called where it comes to none."""
    look: Callable[[], list[Check]]


def run_all(
    planned: Iterable[Planned],
    explain: Callable[[Exception], str | None] = lambda _: None,
    limit_s: float = LIMIT_S,
) -> list[Check]:
    """Run checks at once, and return what they have found, in their order.

    One that fails, or does not end within `limit_s` seconds from now, is unknown, and keeps no other one from its
    result. `explain` says in a sentence what an error means that is none of ours, or None.
    """
    until = time.monotonic() + limit_s
    return [
        check
        for one, future in [(one, _begin(one.look)) for one in planned]
        for check in _result(one.name, future, explain, until)
    ]


def leave(code: int) -> NoReturn:
    """End this process with an exit code, whatever still hangs.

    Python's own end stops a thread wherever it is, and within compiled code, such as pydantic's, that aborts.
    """
    if all(future.done() for future in _begun):
        sys.exit(code)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _begin(look: Callable[[], _T]) -> Future[_T]:
    """Start a thread that nobody has to wait for. A program that may leave it running ends with `leave`."""
    future: Future[_T] = Future()
    _begun.append(future)

    def run() -> None:
        try:
            future.set_result(look())
        except BaseException as error:  # noqa: BLE001 - whoever waits is told
            future.set_exception(error)

    Thread(target=copy_context().run, args=(run,), daemon=True).start()
    return future


def _result(
    name: str, future: Future[list[Check]], explain: Callable[[Exception], str | None], until: float
) -> list[Check]:
    try:
        return future.result(max(0.0, until - time.monotonic()))
    except Exception as error:  # noqa: BLE001 - whatever it is, the other checks are shown
        if not future.done():
            silent = "What it checks does not respond: make sure that it is up, then run this again."
            return [unknown(name, "did not end in time", silent)]
        told = str(error) if isinstance(error, TuneloopError) else explain(error)
        return [unknown(name, "could not be checked", told or redact(f"{type(error).__name__}: {error}"))]
