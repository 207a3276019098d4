"""A Prefect server and an emulated provider, with any number of trainings in flight, and no worker."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterState, FlowRunFilterStateName
from prefect.client.schemas.objects import State
from prefect.filesystems import LocalFileSystem
from prefect.settings import PREFECT_API_URL, PREFECT_HOME, temporary_settings
from prefect.states import Suspended
from pydantic import SecretStr

from tuneloop.clock import Deadline, now
from tuneloop.datasets.archive import DatasetArchive
from tuneloop.datasets.captions import CaptionRule
from tuneloop.datasets.scan import preflight
from tuneloop.datasets.store import store_images
from tuneloop.emulator import EmulatorControl
from tuneloop.emulator.emulation import Emulation
from tuneloop.emulator.jobs import Job
from tuneloop.emulator.providers import PROVIDERS as EMULATED
from tuneloop.ledger.ledger import Ledger
from tuneloop.local_server.processes import Processes, clean_environment, free_port, responds
from tuneloop.orchestration.blocks import credentials_types
from tuneloop.orchestration.deploy import deploy_all, prepare_server
from tuneloop.orchestration.deployment_files import SAMPLE
from tuneloop.project.files import copy_shipped
from tuneloop.project.layer import MODEL_FILES
from tuneloop.providers.base import Provider
from tuneloop.providers.registry import PROVIDERS, ProviderRow, row_of
from tuneloop.schemas.dataset import NO_LIMITS
from tuneloop.schemas.plan import EvaluationConfig
from tuneloop.schemas.recipe_fields import BaseRecipe
from tuneloop.schemas.records import Claimed, Record, RunRecord, Submitted
from tuneloop.schemas.training import Account, Submission, job_name
from tuneloop.storage.local import LocalDirectory

STORE = "local-file-system/tuneloop"


@dataclass(frozen=True)
class Installation:
    """What is measured.

    Attributes:
        folder: Everything it keeps.
        environment: Environment of its programs.
        emulator: Controls of the provider.
        ledger: The records.
        template: A training that was submitted as usual; the others are made in its image.
        row: The provider, whose usual trainer trains.
    """

    folder: Path
    environment: dict[str, str]
    emulator: EmulatorControl
    ledger: Ledger
    template: Job
    row: ProviderRow

    def put_in_flight(self, count: int, flow_runs: list[str] | None = None) -> list[RunRecord]:
        """Leave so many more trainings as suspended runs leave them, at the provider and in the ledger.

        Records are written without waiting for the disk: what is measured is reading them.
        """
        ids = flow_runs or [str(uuid.uuid4()) for _ in range(count)]
        runs = [_run_file(flow_run, self.row) for flow_run in ids]
        jobs = {run.flow_run: str(uuid.uuid4()) for run in runs}
        provider, recipe = client_of(self.row, self.emulator), recipe_of(self.row)
        for run in runs:
            job = Submission(job_id=jobs[run.flow_run], handle=provider.handle_for(jobs[run.flow_run], recipe))
            self._write_records(run, job)
        emulation = Emulation(EMULATED[self.row.name], self.folder / "emulator")
        with emulation.state.transaction():
            for run in runs:
                name = job_name(run.key, 1)
                request = {**self.template.request, "name": name}
                emulation.jobs.add(jobs[run.flow_run], name, request, self.template.dataset, None)
        emulation.state.close()
        return runs

    def _write_records(self, run: RunRecord, job: Submission) -> None:
        at, name = now(), job_name(run.key, 1)
        claim = Claimed(
            created_at=at, attempt=1, name=name, nonce="n", flow_run=run.flow_run,
            submit_deadline=at, take_over_after=at,
            account=run.account, credentials=run.credentials, dataset_digest=run.dataset_digest, recipe=run.recipe,
        )  # fmt: skip
        submitted = Submitted(
            created_at=at, attempt=1, name=name, job_id=job.job_id, handle=job.handle, found_by="answer"
        )
        records: dict[str, Record] = {
            f"runs/{run.flow_run}.json": run,
            f"trainings/{run.key}/0001.json": claim,
            f"trainings/{run.key}/0002.json": submitted,
        }
        for path, record in records.items():
            self._write(path, record.model_dump_json(indent=1).encode())
        self._write(f"inflight/{run.account.slug}/{name}/{run.flow_run}", b"")

    def _write(self, name: str, data: bytes) -> None:
        path = self.folder / "store" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def suspended_runs(self, count: int) -> list[str]:
        """Runs of the sample's deployment that sleep, at the Prefect server."""
        with get_client(sync_client=True) as client:
            deployment = client.read_deployment_by_name("retrain-model/sample-robot").id

            def make(_: int) -> str:
                state: State[None] = Suspended(pause_key=uuid.uuid4().hex)
                return str(client.create_flow_run_from_deployment(deployment, state=state).id)

            with ThreadPoolExecutor(4) as threads:
                return list(threads.map(make, range(count)))

    def awake(self) -> int:
        """How many runs have been resumed; without a worker they go no further."""
        resumed = FlowRunFilter(state=FlowRunFilterState(name=FlowRunFilterStateName(any_=["Resuming"])))
        found = 0
        with get_client(sync_client=True) as client:
            while page := client.read_flow_runs(flow_run_filter=resumed, limit=200, offset=found):
                found += len(page)
        return found


def recipe_of(row: ProviderRow) -> BaseRecipe:
    """The recipe of a provider's usual trainer."""
    kind = row.recipes[0]
    return kind.model_validate(kind.example_for("ROBOX"))


def client_of(row: ProviderRow, control: EmulatorControl) -> Provider:
    """A client of the emulated account."""
    make: Callable[..., Provider] = row.client
    return make(control.api_key, base_url=control.url)


def _submitted(row: ProviderRow, control: EmulatorControl, folder: Path) -> Job:
    """Submit one training on three drawn images."""
    images, store = folder / "images", folder / "elsewhere"
    for made in (images, store):
        made.mkdir()
    for shade in (60, 120, 180):
        Image.new("RGB", (64, 64), (shade, shade, 90)).save(images / f"{shade}.png")
    rule = CaptionRule(trigger_word=None, instance_prompt=None, provider_captions=True)
    found = preflight(images, rule, NO_LIMITS)
    manifest = found.require_manifest()
    kept = LocalDirectory(store)
    store_images(manifest, found.files, kept)
    archive = DatasetArchive(manifest, kept)
    provider = client_of(row, control)
    provider.prepare("template", recipe_of(row))
    provider.submit("template", recipe_of(row), provider.deliver("template", archive), Deadline(60))
    (job,) = control.jobs()
    return job


def _run_file(flow_run: str, row: ProviderRow) -> RunRecord:
    recipe = recipe_of(row)
    return RunRecord(
        created_at=now(),
        flow_run=flow_run,
        model="robot",
        key=uuid.uuid4().hex * 2,
        attempt=1,
        dataset_digest="ab" * 32,
        recipe=recipe.model_dump(mode="json"),
        plan=EvaluationConfig().rendered_by(recipe.services[0]()),
        account=Account(provider=row.name),
        credentials=f"{row.credentials}/default",
        store=STORE,
    )


@contextmanager
def running_installation(folder: Path, provider_name: str) -> Iterator[Installation]:
    """Start a server and a provider below a folder, and end both afterwards."""
    row = row_of(provider_name)
    server, provider = free_port(), free_port()
    environment = clean_environment(
        {
            "PREFECT_HOME": str(folder / "prefect"),
            "PREFECT_API_URL": f"http://127.0.0.1:{server}/api",
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "180",
            "TUNELOOP_STORE": STORE,
        }
    )
    processes = Processes(folder / "logs", environment)
    control = EmulatorControl(f"http://127.0.0.1:{provider}")
    (folder / "store").mkdir()
    try:
        processes.start("server", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(server))
        processes.start(
            "emulator", "tuneloop.cli.app", "emulator", "--provider", row.name, "--port", str(provider),
            "--folder", str(folder / "emulator"),
        )  # fmt: skip
        processes.wait_until("server", lambda: responds(f"http://127.0.0.1:{server}/api/health"))
        processes.wait_until("emulator", lambda: responds(f"{control.url}/_emulator/health"))
        os.environ["TUNELOOP_STORE"] = STORE
        settings = {PREFECT_API_URL: f"http://127.0.0.1:{server}/api", PREFECT_HOME: folder / "prefect"}
        with temporary_settings(updates=settings):
            prepare_server()
            # The sample's deployment names the usual provider's block, and is not deployed without it.
            for each in {PROVIDERS[0].name: PROVIDERS[0], row.name: row}.values():
                block: Any = credentials_types()[each.credentials]
                block(api_key=SecretStr(control.api_key), base_url=control.url).save("default", overwrite=True)
            LocalFileSystem(basepath=str(folder / "store")).save("tuneloop", overwrite=True)
            copy_shipped(folder / "project")
            shutil.copy(SAMPLE, folder / "project" / MODEL_FILES)
            deploy_all(folder / "project")
            ledger = Ledger(LocalDirectory(folder / "store"))
            yield Installation(folder, environment, control, ledger, _submitted(row, control, folder), row)
    finally:
        processes.end_all()
