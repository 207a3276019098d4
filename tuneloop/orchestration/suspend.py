"""How a run waits: suspended until the sensor or a form resumes it, else in its own process."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from http import HTTPStatus
from typing import Any, NoReturn, TypeVar
from uuid import UUID, uuid4

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowFilter, FlowFilterName
from prefect.client.schemas.objects import State, StateType
from prefect.client.schemas.responses import DeploymentResponse, SetStateStatus
from prefect.exceptions import Pause, PrefectHTTPStatusError
from prefect.input import RunInput
from prefect.input.run_input import Keyset
from prefect.logging import get_run_logger
from prefect.runtime import deployment, flow_run
from prefect.states import Suspended

from tuneloop.clock import now
from tuneloop.orchestration.run_queries import find_runs, paged
from tuneloop.settings import Settings

SENSOR_FLOW = "watch-trainings"
_Form = TypeVar("_Form", bound=RunInput)
_side_by_side: ContextVar[bool] = ContextVar("side_by_side", default=False)


class StillWaiting(Exception):
    """Something side by side with others has to wait, for what its message says."""

    ask: Callable[[], NoReturn] | None = None
    """Suspends the run with the form that it waits for; None where it waits for no answer."""


@contextmanager
def side_by_side() -> Iterator[None]:
    """Within this, what would suspend the run raises `StillWaiting`, so that the run can go on with the rest."""
    token = _side_by_side.set(True)
    try:
        yield
    finally:
        _side_by_side.reset(token)


def wait_for_any(waits: Sequence[StillWaiting], store_slug: str) -> None:
    """Wait as `wait_for` does until one of several can go on; with the first form, where one of them asks."""
    asking = next((wait.ask for wait in waits if wait.ask is not None), None)
    if asking is not None:
        asking()
    wait_for("; ".join(map(str, waits)), store_slug)


def wait_for(what: str, store_slug: str) -> None:
    """Wait until it is time to check again.

    Suspends the run, which ends this process: when the store's sensor resumes it, the flow starts from the top.
    Where nothing would resume it, sleeps for one interval and returns. `what` the run waits for names the job.
    Raises `StillWaiting` within `side_by_side`.
    """
    if _side_by_side.get():
        raise StillWaiting(what)
    missing = cannot_suspend()
    if missing is None:
        with get_client(sync_client=True) as client:
            sensors, missing = active_sensors(client, store_slug)
            if missing is None:
                suspend(client, f"{what}. {_next_poll(client, sensors)}")
    interval = Settings().poll_interval_s
    get_run_logger().info("%s. Checking again in %.0f s, in this process: %s", what, interval, missing)
    time.sleep(interval)


def cannot_suspend() -> str | None:
    """Why Prefect cannot suspend this run, None where it can."""
    if flow_run.parent_flow_run_id is not None:
        return "Prefect does not suspend a run that another flow has called"
    if deployment.id is None:
        return "this run has no deployment that could start it again"
    return None


def suspend(
    client: SyncPrefectClient,
    message: str,
    form: Keyset | None = None,
    once_suspended: Callable[[], None] | None = None,
) -> NoReturn:
    """Suspend this run with a message on its page, call `once_suspended`, and leave the process.

    `form` is where a saved form is that resumes the run when it is filled in. Prefect's `suspend_flow_run` takes
    no message, and by its default key a resumed run suspends no second time.
    """
    state: State[None] = Suspended(message=message, pause_key=uuid4().hex)
    if form is not None:
        state.state_details.run_input_keyset = {str(key): value for key, value in form.items()}
    response = client.set_flow_run_state(flow_run.id, state)
    if response.status != SetStateStatus.ACCEPT:
        reason = getattr(response.details, "reason", None) or response.status.value
        raise RuntimeError(f"Prefect did not let the run suspend: {reason}; retry the run")
    if once_suspended is not None:
        once_suspended()
    get_run_logger().info("Suspended. %s", message)
    raise Pause(state=response.state or state)


def sensors_of(client: SyncPrefectClient, stores: list[str]) -> list[DeploymentResponse]:
    """The sensor's deployments that watch one of some stores."""
    flows = FlowFilter(name=FlowFilterName(any_=[SENSOR_FLOW]))
    found = paged(lambda limit, offset: client.read_deployments(flow_filter=flows, limit=limit, offset=offset))
    return [item for item in found if set(stores) & set((item.parameters or {}).get("stores", []))]


def active_sensors(client: SyncPrefectClient, store_slug: str) -> tuple[list[DeploymentResponse], str | None]:
    """The sensor's deployments that watch a store by an active schedule, and where there is none, why."""
    watching = sensors_of(client, [store_slug])
    if not watching:
        return [], f"no deployment of {SENSOR_FLOW} names the store {store_slug}: run `tuneloop deploy`"
    active = [item for item in watching if not item.paused and any(s.active for s in item.schedules)]
    if not active:
        name = f"{SENSOR_FLOW}/{watching[0].name}"
        return [], f"the schedule of {name} is paused: switch it on in the Prefect UI"
    return active, None


def _next_poll(client: SyncPrefectClient, sensors: list[DeploymentResponse]) -> str:
    coming = find_runs(client, sensors, 1, types=[StateType.SCHEDULED], after=now())
    due = coming[0].expected_start_time if coming else None
    when = f"next at {due:%Y-%m-%d %H:%M:%S} UTC" if due else "at its next scheduled run"
    return f"{SENSOR_FLOW} polls {when}"


def read_form_answer(client: SyncPrefectClient, keys: Keyset, form: type[_Form]) -> _Form | None:
    """Read the filled-in form that is kept under some keys, None where it is not yet."""
    text = _stored(client, _this_run(), keys["response"])
    return None if text is None else form.model_validate_json(text)


def suspend_with_form(
    client: SyncPrefectClient, keys: Keyset, form: type[RunInput], question: str, sentence: str
) -> NoReturn:
    """Suspend this run with a form, which ends this process; other keys ask another time.

    The question, as markdown, stands above the form; the run's state says the sentence. Raises `StillWaiting`
    within `side_by_side`.
    """
    if _side_by_side.get():
        waiting = StillWaiting(sentence)
        waiting.ask = partial(_ask, keys, form, question, sentence)
        raise waiting
    described = form.with_initial_data(description=question)

    def save() -> None:
        stored = {key: _stored(client, _this_run(), key) for key in (keys["schema"], keys["description"])}
        if None not in stored.values() and json.loads(stored[keys["description"]] or "") == question:
            return
        # Half a form is made anew, and one whose question holds an old link: Prefect writes no part twice.
        for key, part in stored.items():
            if part is not None:
                client.delete_flow_run_input(_this_run(), key)
        described.save(keys, _this_run())

    # Before: a run that waits for a form must have one. And after: a server of Prefect 3.9 deletes the inputs of
    # a run that it suspends.
    save()
    suspend(client, sentence, keys, once_suspended=save)


def _ask(keys: Keyset, form: type[RunInput], question: str, sentence: str) -> NoReturn:
    with get_client(sync_client=True) as client:
        suspend_with_form(client, keys, form, question, sentence)


def has_form(client: SyncPrefectClient, run: UUID, keys: Mapping[Any, str]) -> bool:
    """Return True if a run's form is there to be filled in."""
    return _stored(client, run, keys["schema"]) is not None


def _this_run() -> UUID:
    return UUID(str(flow_run.id))


def _stored(client: SyncPrefectClient, run: UUID, key: str) -> str | None:
    try:
        return client.read_flow_run_input(run, key)
    except PrefectHTTPStatusError as error:
        if error.response.status_code != HTTPStatus.NOT_FOUND:
            raise
        return None
