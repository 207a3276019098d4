"""A Prefect server with a worker, a store on S3, and models that were trained on all that their folders hold."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml
from prefect.settings import PREFECT_API_URL, PREFECT_HOME, temporary_settings
from pydantic import SecretStr

from benchmarks.data.judged import judge
from benchmarks.data.material import make_captioned
from tuneloop.demo.stack import s3_block
from tuneloop.local_server.processes import Processes, clean_environment, free_port, responds
from tuneloop.local_server.programs import environment_of, server_environment, start_server, start_worker
from tuneloop.orchestration.blocks import credentials_types
from tuneloop.orchestration.context import open_context
from tuneloop.orchestration.deploy import WORK_POOL, deploy_all, prepare_server
from tuneloop.orchestration.run_request import RunRequest
from tuneloop.project.files import copy_shipped
from tuneloop.project.layer import FLOWS, MODEL_FILES, OPERATOR_FILE
from tuneloop.providers.registry import DEFAULT_CREDENTIALS, recorded_recipe
from tuneloop.schemas.plan import EvaluationConfig
from tuneloop.settings import Settings

STORE = "s3-bucket/tuneloop"
EMPTY = "do-nothing/empty"
SENSOR = "watch-trainings/sensor"
_PEER = Path(__file__).with_name("do_nothing.py")
_NOWHERE = "http://127.0.0.1:9"
"""Where no provider is: an unchanged run asks none."""
_KEY = "SG_0123456789abcdef"


@dataclass(frozen=True)
class Installation:
    """What is measured.

    Attributes:
        models: Deployments of the models, as Prefect names them.
        worker: Process id of the worker, which runs one flow at a time here.
        access_log: What the S3 server writes, a line for each request.
    """

    models: list[str]
    worker: int
    access_log: Path


@contextmanager
def running_installation(folder: Path, models: int, images: int) -> Iterator[Installation]:
    """Start everything below a folder, and end it afterwards.

    Args:
        folder: An empty folder.
        models: How many.
        images: How many each was trained on.
    """
    url = f"http://127.0.0.1:{free_port()}"
    environment = clean_environment({**server_environment(folder, url), "TUNELOOP_STORE": STORE})
    processes = Processes(folder / "logs", environment)
    settings = {PREFECT_API_URL: f"{url}/api", PREFECT_HOME: folder / "prefect"}
    requests = [_request_for(f"model-{number:03d}", folder / "images") for number in range(models)]
    (folder / "images").mkdir()
    try:
        endpoint = _start_s3(processes)
        start_server(processes, url)
        project = _make_project(folder / "project", requests)
        with temporary_settings(updates=settings), environment_of(environment), chdir(project):
            prepare_server()
            _save_blocks(endpoint)
            deploy_all(project)
            for request in requests:
                make_captioned(Path(request.dataset), images)
                ctx = replace(open_context(STORE, DEFAULT_CREDENTIALS), flow_run=f"first-{request.model}")
                judge(ctx, request, ctx.bucket_client)
            worker = start_worker(processes, "night")
            yield Installation(
                [f"retrain-model/{each.model}" for each in requests], worker, folder / "logs/s3.log"
            )
    finally:
        processes.end_all()


def _start_s3(processes: Processes) -> str:
    port = free_port()
    processes.start("s3", "moto.server", "-H", "127.0.0.1", "-p", str(port))
    processes.wait_until("s3", lambda: responds(f"http://127.0.0.1:{port}/moto-api/data.json"))
    return f"http://127.0.0.1:{port}"


def _save_blocks(endpoint: str) -> None:
    server = Settings(s3_endpoint=endpoint, s3_access_key="bench", s3_secret_key=SecretStr("bench-secret"))
    s3_block(server, "night").save(STORE.partition("/")[2])
    kind, _, name = DEFAULT_CREDENTIALS.partition("/")
    block: Any = credentials_types()[kind]
    block(api_key=SecretStr(_KEY), base_url=_NOWHERE).save(name)


def _request_for(model: str, images: Path) -> RunRequest:
    """What a model's file asks for; each has words of its own, and so a training of its own."""
    word = model.upper().replace("-", "")
    recipe = recorded_recipe.validate_python(
        {"trainer": "flux-lora", "instance_prompt": f"a photo of {word}", "trigger_word": word}
    )
    return RunRequest(model, str(images / model), recipe, EvaluationConfig(prompts=("a photo of {trigger}",)))


def _make_project(project: Path, requests: list[RunRequest]) -> Path:
    """A project as `tuneloop init` makes it, with the peer beside its flows; nothing in it starts by itself."""
    copy_shipped(project)
    shutil.copy(_PEER, project / FLOWS)
    operator = project / OPERATOR_FILE
    document = yaml.safe_load(operator.read_text(encoding="utf-8"))
    for entry in document["deployments"]:
        entry.pop("schedules", None)
    operator.write_text(yaml.safe_dump(document), encoding="utf-8")
    empty = _entry(EMPTY.partition("/")[2], f"{FLOWS}/{_PEER.name}:do_nothing")
    entries = [empty, *(_entry_of(request) for request in requests)]
    (project / MODEL_FILES / "models.yaml").write_text(yaml.safe_dump({"deployments": entries}), encoding="utf-8")
    return project


def _entry_of(request: RunRequest) -> dict[str, Any]:
    """A model's deployment, as its file would have it."""
    parameters = {
        "model": request.model,
        "dataset": request.dataset,
        "recipe": request.recipe.model_dump(mode="json", exclude_unset=True),
        "evaluation": request.evaluation.model_dump(mode="json", exclude_unset=True),
        "store": STORE,
        "credentials": DEFAULT_CREDENTIALS,
    }
    entry = _entry(request.model, f"{FLOWS}/retrain_model.py:retrain_model")
    return {**entry, "enforce_parameter_schema": False, "parameters": parameters}


def _entry(name: str, entrypoint: str) -> dict[str, Any]:
    return {"name": name, "entrypoint": entrypoint, "work_pool": {"name": WORK_POOL}}
