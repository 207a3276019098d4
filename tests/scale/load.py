"""What a team asks for: several states of the images of several models, at three providers, all at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import yaml
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.states import Scheduled
from pydantic import SecretStr

from tests.conftest import draw_images
from tests.scale.team import STORE, Team
from tuneloop.demo.stack import s3_block
from tuneloop.emulator import Progress
from tuneloop.orchestration import automations
from tuneloop.orchestration.automations import create_automations
from tuneloop.orchestration.blocks import credentials_types
from tuneloop.orchestration.credentials import SpendingGuard
from tuneloop.orchestration.deploy import WORK_POOL, deploy_all, prepare_server
from tuneloop.project.files import add_line, copy_shipped
from tuneloop.project.layer import FLOWS, MODEL_FILES
from tuneloop.providers.registry import row_of
from tuneloop.settings import Settings

_PATIENCE_S = 100
_IMPATIENCE = f"""
from datetime import timedelta
from tuneloop.orchestration import run_queries
from tuneloop.providers.base import Provider, SubmitMargins
from tuneloop.sensor import continuing
run_queries.NOTIFY_AFTER = run_queries.CONTINUE_AFTER = timedelta(seconds={_PATIENCE_S})
continuing.PAUSES = (timedelta(seconds=30),) * 6
Provider.margins = SubmitMargins(arrival_s=10, late_acceptance_s=10, list_lag_s=10, clock_skew_s=10)
"""
"""What the project's flows end with. A run without a sign of life is taken for dead after less than two minutes in
place of half an hour; a submit that was cut off is in doubt for as long, not for twenty minutes: no list lags."""
_STATE_S = 6.0
"""How long a training stays in each of its states."""
_IMAGES = 3


@dataclass(frozen=True)
class Wish:
    """One retraining that is asked for.

    Attributes:
        model: The model.
        images: Its images as they are this time.
    """

    model: str
    images: Path


@dataclass(frozen=True)
class Submitted:
    """A wish that was submitted.

    Attributes:
        wish: The wish.
        at: When.
        flow_run: The run of its deployment.
    """

    wish: Wish
    at: datetime
    flow_run: UUID


def make_wishes(folder: Path, models: int, runs: int) -> list[Wish]:
    """So many retrainings of so many models, each on images of its own."""
    wishes = []
    for number in range(runs):
        model, state = f"model-{number % models + 1}", number // models + 1
        images = draw_images(folder / model / f"state-{state}", _IMAGES, shade=number)
        wishes.append(Wish(model, images))
    return wishes


def deploy(team: Team, wishes: list[Wish]) -> None:
    """Save the blocks, write a project with a deployment for each model, and deploy it, as an operator does."""
    prepare_server()
    gateway = team.store
    s3 = {
        "s3_endpoint": gateway.endpoint,
        "s3_access_key": gateway.access_key,
        "s3_secret_key": SecretStr(gateway.secret_key),
    }
    s3_block(Settings().model_copy(update=s3), "team").save(STORE.partition("/")[2], overwrite=True)
    for name, control in team.emulators.items():
        block: Any = credentials_types()[row_of(name).credentials]
        guard = SpendingGuard(trainings_per_day=None)
        key = SecretStr(control.api_key)
        block(api_key=key, base_url=control.url, spending=guard).save("default", overwrite=True)
        control.progress(Progress.after_seconds(_STATE_S))
        control.switch(image_s=0.0)
    project = team.folder / "project"
    copy_shipped(project)
    _shorten_patience(project)
    first = {wish.model: wish for wish in reversed(wishes)}
    providers = sorted(team.emulators)
    entries = [_entry(wish, providers[number % len(providers)]) for number, wish in enumerate(first.values())]
    (project / MODEL_FILES / "models.yaml").write_text(yaml.safe_dump({"deployments": entries}), encoding="utf-8")
    deploy_all(project)
    create_automations()


def _entry(wish: Wish, provider: str) -> dict[str, Any]:
    row = row_of(provider)
    return {
        "name": wish.model,
        "entrypoint": f"{FLOWS}/retrain_model.py:retrain_model",
        "enforce_parameter_schema": False,
        "work_pool": {"name": WORK_POOL},
        "parameters": {
            "model": wish.model,
            "dataset": str(wish.images),
            "recipe": row.recipes[0].example_for("ROBOX"),
            # One image, of which no gate can be sure: the newer model wins.
            "evaluation": {
                "prompts": ["a photo of {trigger}"],
                "seeds": [1],
                "gate": {"undecided": "promote", "max_copies": 1},
            },
            "store": STORE,
            "credentials": f"{row.credentials}/default",
        },
    }


def _shorten_patience(project: Path) -> None:
    """Let the project's flows and automations wait for minutes where others wait for half an hour."""
    for flow in ("retrain_model", "continue_training", "watch_trainings"):
        for line in _IMPATIENCE.strip().splitlines():
            add_line(project / FLOWS / f"{flow}.py", line)
    automations._ZOMBIE_AFTER = timedelta(seconds=_PATIENCE_S)
    # Something is killed every half minute, and not every few hours.
    automations._RESTART_AGAIN_AFTER = timedelta(seconds=15)


def submit(wishes: list[Wish]) -> list[Submitted]:
    """Start a run for each wish, all at once."""
    with get_client(sync_client=True) as client:
        found = {
            model: client.read_deployment_by_name(f"retrain-model/{model}") for model in {w.model for w in wishes}
        }

        def start(wish: Wish) -> Submitted:
            deployment = found[wish.model]
            run = client.create_flow_run_from_deployment(
                deployment.id,
                parameters={**deployment.parameters, "dataset": str(wish.images)},
                state=Scheduled(),
                idempotency_key=uuid4().hex,
            )
            return Submitted(wish, datetime.now(UTC), run.id)

        with ThreadPoolExecutor(8) as threads:
            return list(threads.map(start, wishes))


def queue_seconds(submitted: list[Submitted]) -> list[float]:
    """How long each run waited until it first began; those that have not begun are left out."""
    which = FlowRunFilter(id=FlowRunFilterId(any_=[item.flow_run for item in submitted]))
    with get_client(sync_client=True) as client:
        begun = {run.id: run.start_time for run in client.read_flow_runs(flow_run_filter=which, limit=200)}
    return [
        (start - item.at).total_seconds() for item in submitted if (start := begun.get(item.flow_run)) is not None
    ]


def state_of(item: Submitted) -> str:
    """How the server has a run."""
    with get_client(sync_client=True) as client:
        state = client.read_flow_run(item.flow_run).state
    return f"{state.name}, {state.message}" if state else "no state"
