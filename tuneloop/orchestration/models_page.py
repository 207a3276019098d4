"""The page of all models, which the sensor writes anew when something has changed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from itertools import chain, islice

from prefect.artifacts import create_markdown_artifact
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterKey,
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterExpectedStartTime,
    FlowRunFilterState,
    FlowRunFilterStateName,
    FlowRunFilterStateType,
    FlowRunFilterTags,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.sorting import ArtifactSort, FlowRunSort
from prefect.utilities.urls import url_for
from pydantic import Field

from tuneloop.errors import ObjectNotFound, StoreError, StoreUnavailable, TuneloopError
from tuneloop.evaluation.reports.models_page import (
    MODELS_PAGE,
    ModelsOverview,
    Question,
    ShownModel,
    ShownRun,
    write_models_in_short,
    write_models_page,
)
from tuneloop.ledger.ledger import Ledger
from tuneloop.ledger.training import TrainingLog
from tuneloop.orchestration.events import ASKING
from tuneloop.orchestration.run_queries import paged, read_runs
from tuneloop.orchestration.started_runs import RETRAIN_FLOW
from tuneloop.registry.overview import read_overview, thumbnails
from tuneloop.registry.promotions import Registry
from tuneloop.schemas.frozen import FrozenModel
from tuneloop.schemas.records import Held, RunRecord
from tuneloop.storage.page_link import page_link

_STATE = "pages/models.json"
_MOST_RUNS = 400
_RETRAINING = FlowFilter(name=FlowFilterName(any_=[RETRAIN_FLOW]))


class _Shown(FrozenModel):
    """What the page shows now."""

    digest: str = ""
    day: date | None = None
    thumbnails: dict[str, str] = Field(default_factory=dict)
    models: tuple[ShownModel, ...] = ()
    """As they were read, without what Prefect knows of them."""

    def thumbnails_on(self, day: date) -> dict[str, str]:
        """Those that are not made again; a champion that has none is looked at once a day."""
        return {name: image for name, image in self.thumbnails.items() if image or day == self.day}


def update_models_page(client: SyncPrefectClient, ledger: Ledger, slug: str, key: str, at: datetime) -> bool:
    """Write a store's page and its artifact, if they would show something else. Returns whether they do.

    Where the store lets nothing be written twice, the artifact alone keeps up, and is compared.

    Args:
        client: Client of the Prefect server.
        ledger: The ledger of the store.
        slug: The store's block.
        key: Key of the artifact.
        at: Now.
    """
    shown = _read_shown(ledger)
    read = read_overview(ledger, slug, at, shown.models)
    overview = _with_runs(client, ledger, slug, read, at)
    alone = write_models_in_short(overview, "")
    if shown.digest == overview.digest or _newest_artifact(client, key) == alone:
        return False
    images = thumbnails(ledger, overview, shown.thumbnails_on(overview.day))
    by_model = {name.partition("/")[0]: address for name, address in images.items() if address}
    page = write_models_page(ledger.store, overview, by_model).encode()
    try:
        ledger.store.rewrite(MODELS_PAGE, page)
    except StoreUnavailable:
        raise
    except StoreError:
        create_markdown_artifact(key=key, markdown=alone, description=overview.summary)
        return True
    link = page_link(ledger.store, MODELS_PAGE).to_markdown("Open the page of all models")
    create_markdown_artifact(key=key, markdown=write_models_in_short(overview, link), description=overview.summary)
    # Last: a tick that dies before this does it all again.
    state = _Shown(digest=overview.digest, day=overview.day, thumbnails=images, models=read.models)
    ledger.store.rewrite(_STATE, state.model_dump_json().encode())
    return True


def _newest_artifact(client: SyncPrefectClient, key: str) -> object:
    of_key = ArtifactFilter(key=ArtifactFilterKey(any_=[key]))
    found = client.read_artifacts(artifact_filter=of_key, sort=ArtifactSort.CREATED_DESC, limit=1)
    return found[0].data if found else None


def _read_shown(ledger: Ledger) -> _Shown:
    try:
        return _Shown.model_validate_json(ledger.store.read(_STATE))
    except (ObjectNotFound, ValueError):  # of another version: it is made anew
        return _Shown()


def _with_runs(
    client: SyncPrefectClient, ledger: Ledger, slug: str, overview: ModelsOverview, at: datetime
) -> ModelsOverview:
    """Add what Prefect knows: last and next runs, and the runs that ask."""
    last = {_model(run): _shown_run(run) for run in reversed(list(_of_store(_ended_runs(client), slug)))}
    coming = reversed(list(_of_store(_scheduled_runs(client, at), slug)))
    next_runs = {_model(run): run.expected_start_time for run in coming}
    asked: dict[str, tuple[Question, ...]] = {}
    for name, question in _questions(client, ledger):
        asked[name] = (*asked.get(name, ()), question)

    def with_runs(model: ShownModel) -> ShownModel:
        name = model.model
        questions = asked.get(name, model.questions)
        runs = {"last_run": last.get(name), "next_run": next_runs.get(name)}
        return model.model_copy(update={**runs, "questions": questions})

    # A first training may wait for an answer before its model has left anything in the store.
    new = [ShownModel(model=name) for name in asked.keys() - {model.model for model in overview.models}]
    models = sorted([*overview.models, *new], key=lambda model: model.model)
    return overview.model_copy(update={"models": tuple(with_runs(model) for model in models)})


def _model(run: FlowRun) -> str:
    return str(run.parameters.get("model"))


def _of_store(runs: Iterator[FlowRun], slug: str) -> Iterator[FlowRun]:
    """Those that work on the store, which dry runs do not."""
    working = (run for run in islice(runs, _MOST_RUNS) if not run.parameters.get("dry_run"))
    return (run for run in working if run.parameters.get("store", slug) == slug)


def _ended_runs(client: SyncPrefectClient) -> Iterator[FlowRun]:
    """Runs that have ended, the last ones first."""
    ends = [StateType.COMPLETED, StateType.FAILED, StateType.CANCELLED, StateType.CRASHED]
    which = FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=ends)))
    return _runs(client, which, FlowRunSort.END_TIME_DESC)


def _scheduled_runs(client: SyncPrefectClient, at: datetime) -> Iterator[FlowRun]:
    """Runs that are to start, the next ones first."""
    scheduled = FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED]))
    which = FlowRunFilter(state=scheduled, expected_start_time=FlowRunFilterExpectedStartTime(after_=at))
    return _runs(client, which, FlowRunSort.EXPECTED_START_TIME_ASC)


def _runs(client: SyncPrefectClient, which: FlowRunFilter, sort: FlowRunSort) -> Iterator[FlowRun]:
    return paged(
        lambda limit, offset: client.read_flow_runs(
            flow_filter=_RETRAINING, flow_run_filter=which, sort=sort, limit=limit, offset=offset
        )
    )


def _shown_run(run: FlowRun) -> ShownRun:
    state = run.state.name if run.state is not None and run.state.name else "unknown"
    ended = run.end_time or run.expected_start_time or run.created
    return ShownRun(state=state, at=ended, address=url_for("flow-run", run.id) or None)


def _questions(client: SyncPrefectClient, ledger: Ledger) -> Iterator[tuple[str, Question]]:
    """The questions of the runs that ask, by model; a store knows its own runs."""
    which = FlowRunFilter(
        tags=FlowRunFilterTags(any_=sorted(ASKING)),
        state=FlowRunFilterState(name=FlowRunFilterStateName(any_=["Suspended"])),
    )
    for asks in islice(read_runs(client, which), _MOST_RUNS):
        try:
            # A run that continues another one asks in its place.
            run = _work_of(ledger, str(asks.parameters.get("flow_run") or asks.id))
            if run is not None:
                yield run.model, _question(ledger, run, asks)
        except StoreUnavailable:
            raise
        except TuneloopError:
            continue  # another project's run with our tag, or the sensor names what cannot be read


def _work_of(ledger: Ledger, flow_run: str) -> RunRecord | None:
    """What a run asks about; one that compares asks about all of its candidates at once."""
    run = ledger.run(flow_run)
    compared = ledger.comparison(flow_run) if run is None else None
    if compared is None:
        return run
    held = (each for each in compared.runs if isinstance(TrainingLog.of(ledger, each).last, Held))
    asked = (each for each in compared.runs if Registry(ledger).pending_review(each) is not None)
    return next(chain(held, asked), None)


def _question(ledger: Ledger, run: RunRecord, asks: FlowRun) -> Question:
    last, address = TrainingLog.of(ledger, run).last, url_for("flow-run", asks.id) or None
    if isinstance(last, Held):
        return Question(what="on hold", reason=last.reason, address=address)
    pending = Registry(ledger).pending_review(run)
    return Question(what="needs review", reason=pending.reason if pending else "", address=address)
