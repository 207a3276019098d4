"""The Prefect server, its work pools, and the sensor that polls."""

from __future__ import annotations

import re

import prefect
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_REQUEST_TIMEOUT, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from tuneloop.clock import now
from tuneloop.operations.doctor.check import Check, ok, problem, unknown
from tuneloop.orchestration.sensor_runs import last_tick, polling, pool_problems
from tuneloop.orchestration.server_address import trouble_with_server
from tuneloop.orchestration.store_checks import server_address

SERVER = "Prefect server"
RESPONSE_S = 15.0
"""A server that does not say its version for so long is of no use."""
_VERSION = "Prefect version"
_MINOR = re.compile(r"\d+\.\d+(?=\.)")
_TOGETHER = {"3.8", "3.9"}
"""Minor versions of a server and its clients that were tried with each other (`make test-prefect38`)."""


def server_checks(named_by: str) -> list[Check]:
    """Check that the server responds, and that its version and this one go together."""
    place = f"{server_address()}, named by {named_by}"
    # Asked once: Prefect's own client would ask again for minutes.
    once = {PREFECT_CLIENT_MAX_RETRIES: 0, PREFECT_API_REQUEST_TIMEOUT: RESPONSE_S}
    try:
        with temporary_settings(updates=once), get_client(sync_client=True) as client:
            theirs = client.api_version()
    except Exception as error:
        if (trouble := trouble_with_server(error)) is None:
            raise
        return [problem(SERVER, f"cannot be used at {place}", trouble)]
    return [ok(SERVER, place), version_check(prefect.__version__, str(theirs))]


def version_check(ours: str, theirs: str) -> Check:
    """Judge the versions of this Prefect and of the server's."""
    minors = {found[0] for text in (ours, theirs) if (found := _MINOR.match(text))}
    if not _MINOR.match(theirs):
        return unknown(
            _VERSION, "the server does not report its version", f"It says {theirs[:40]!r}. Is it a Prefect server?"
        )
    if len(minors) == 1 or minors <= _TOGETHER:
        return ok(_VERSION, f"{ours} here, {theirs} on the server")
    return problem(
        _VERSION,
        f"{ours} here, {theirs} on the server",
        f"This combination is untested: install prefect {ours} where the server runs, or a Tuneloop here that "
        f"works with prefect {theirs}.",
    )


def pool_checks(pool: str) -> list[Check]:
    """Check that a work pool starts runs."""
    name = f"work pool {pool}"
    with get_client(sync_client=True) as client:
        found = pool_problems(client, {pool})
    return [problem(name, "starts no runs", line) for line in found] or [ok(name, "a worker is online")]


def sensor_checks(store: str) -> list[Check]:
    """Check that the sensor polls the trainings of a store."""
    name, at = f"sensor of {store}", now()
    with get_client(sync_client=True) as client:
        _, found = polling(client, store, at)
        tick = last_tick(client, store)
    well = "has not polled yet" if tick is None else f"last polled {(at - tick).total_seconds():.0f} s ago"
    return [problem(name, "does not poll", line) for line in found] or [ok(name, well)]
