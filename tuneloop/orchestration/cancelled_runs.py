"""Tells a person's cancel from Prefect's own, and remembers it in the store: the run may be deleted later."""

from __future__ import annotations

from collections.abc import Iterable

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterState, FlowRunFilterStateType
from prefect.client.schemas.objects import FlowRun, StateType

from tuneloop.ledger.ledger import Ledger
from tuneloop.ledger.markers import is_cancelled, remember_cancelled
from tuneloop.orchestration.run_queries import ids_of, pages, read_runs

_PREFECTS_OWN = ("concurrency limit", "concurrency slot", "no longer exists", "timed out")
"""What Prefect says where nobody has cancelled anything."""
_ALIVE = {StateType.RUNNING, StateType.PAUSED}


def note_cancelled(client: SyncPrefectClient, ledger: Ledger, flow_runs: Iterable[str]) -> None:
    """Remember which of some runs a person has cancelled; those that are not there any more were seen before."""
    state = FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.CANCELLED]))
    for page in pages(list(dict.fromkeys(flow_runs))):
        for run in read_runs(client, FlowRunFilter(id=ids_of(page), state=state)):
            if not is_cancelled(ledger, str(run.id)) and is_a_persons_wish(client, run):
                remember_cancelled(ledger, str(run.id))


def is_a_persons_wish(client: SyncPrefectClient, run: FlowRun) -> bool:
    """Tell whether a run is cancelled because a person wished so."""
    if run.state is None or run.state.type != StateType.CANCELLED:
        return False
    before: set[StateType] = set()
    for state in sorted(client.read_flow_run_states(run.id), key=lambda state: state.timestamp)[:-1]:
        # A run that was cancelled and retried begins anew.
        before = set() if state.is_final() else before | {state.type}
    if StateType.CANCELLING in before:
        return True  # Prefect does not begin with that
    message = (run.state.message or "").lower()
    return bool(before & _ALIVE) and not any(own in message for own in _PREFECTS_OWN)
