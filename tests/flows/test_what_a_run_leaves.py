"""Everything that stays after a run: its state, its log, its artifacts, its records. And what must not stay."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    TaskRunFilter,
    TaskRunFilterFlowRunId,
)
from prefect.settings import PREFECT_API_URL, temporary_settings

from tests.conftest import draw_images
from tests.flows.runs import here, log_of, request_for, run_of, sensor_paused, start, wait_for
from tests.storage.failing_proxy import failing_proxy
from tuneloop.demo.stack import Stack
from tuneloop.emulator import EmulatorControl, Fault, Progress
from tuneloop.emulator.objects import PREFIX as OBJECTS

# Whatever a logger of the libraries might say: botocore and urllib3 know every address with its signature.
TALKATIVE = {
    "PREFECT_LOGGING_LEVEL": "DEBUG",
    "PREFECT_LOGGING_EXTRA_LOGGERS": "urllib3,requests,tuneloop",
    "PREFECT_LOGGING_ROOT_LEVEL": "DEBUG",
    "TUNELOOP_POLL_INTERVAL_S": "0.2",
}
# An ellipsis is what stands in the place of a secret.
SECRETS = re.compile(r"SG_[0-9A-Za-z]{8,}|(Signature|AWSAccessKeyId|X-Amz-\w+)=(?!…)", re.IGNORECASE)


@pytest.fixture(scope="module")
def finished(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> UUID:
    """A run that found the sensor paused, and had much to say."""
    stack.emulator.progress(Progress.after_polls())
    images = draw_images(tmp_path_factory.mktemp("left") / "images", shade=255)
    with sensor_paused():
        run = start(request_for("talkative", images), environment=TALKATIVE)
        wait_for(run, "Completed")
    return run


def test_run_that_finds_the_sensor_paused_waits_in_its_own_process_and_says_why(finished: UUID) -> None:
    log = log_of(finished)
    assert "Waiting for segmind to train" in log
    assert "in this process: the schedule of watch-trainings/" in log
    assert "Suspended" not in log


def test_talkative_log_shows_no_key_and_no_signature(finished: UUID) -> None:
    log = log_of(finished)
    assert '"PUT /' in log, "the HTTP library was to log its requests"
    assert secrets_in(log) == []


def test_parameters_tasks_and_artifacts_show_no_key_and_no_signature(finished: UUID) -> None:
    shown = shown_of(finished)
    assert "talkative: promoted" in shown
    assert secrets_in(shown) == []


def test_run_leaves_three_artifacts_that_say_what_came_of_it(finished: UUID) -> None:
    report, dataset, progress = (artifacts_of(finished, kind) for kind in ("report", "dataset", "progress"))
    assert report == ["Promoted: champion v1. First model: it passes every threshold"]
    assert dataset == ["Usable, 5 warnings (3 images)"]
    assert progress == ["Images of the challenger: 1 of 1"]


@pytest.mark.usefixtures("emulator")
def test_run_whose_artifacts_the_server_does_not_accept_completes_all_the_same(
    stack: Stack, wish: dict[str, Any]
) -> None:
    with failing_proxy(stack.server_url) as proxy:
        proxy.broken.add("/api/artifacts/")
        with temporary_settings({PREFECT_API_URL: f"{proxy.endpoint}/api"}):
            state = here(wish)
    assert state.name == "Completed"
    assert "the Prefect server did not accept the artifact report-" in log_of(run_of(state))


def test_run_that_failed_at_a_signed_address_shows_no_key_and_no_signature(
    emulator: EmulatorControl, wish: dict[str, Any]
) -> None:
    emulator.inject(Fault("refuse", OBJECTS, "PUT", status=400))
    state = here(wish)
    assert state.name == "Failed"
    assert "status 400" in (state.message or "")
    shown = log_of(run_of(state)) + shown_of(run_of(state))
    assert "status 400" in shown
    assert secrets_in(shown) == []


def test_retried_download_logs_no_signature(
    emulator: EmulatorControl, wish: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", "urllib3")
    emulator.inject(Fault("refuse", OBJECTS, "GET", status=503))
    assert here(wish).name == "Completed"
    assert '" 503 ' in caplog.text
    assert secrets_in(caplog.text) == []


@pytest.mark.usefixtures("finished")
def test_nothing_in_the_store_holds_a_key_or_a_signature(stack: Stack) -> None:
    files = [path for path in (stack.folder / "store").rglob("*") if path.is_file()]
    assert {path.suffix for path in files} > {".json", ".md", ".html"}
    assert {path: found for path in files if (found := secrets_in(path.read_bytes().decode("latin-1")))} == {}


def shown_of(run: UUID) -> str:
    """Everything but the log that the server shows of a run."""
    artifacts = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[run]))
    tasks = TaskRunFilter(flow_run_id=TaskRunFilterFlowRunId(any_=[run]))
    with get_client(sync_client=True) as client:
        parts: list[Any] = [client.read_flow_run(run)]
        parts += client.read_task_runs(task_run_filter=tasks)
        parts += client.read_artifacts(artifact_filter=artifacts)
    return "\n".join(part.model_dump_json() for part in parts)


def artifacts_of(run: UUID, kind: str) -> list[str]:
    """What the cards of this kind of artifact say, up to any figures behind it."""
    which = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[run]))
    with get_client(sync_client=True) as client:
        found = [item for item in client.read_artifacts(artifact_filter=which) if item.type != "result"]
    assert {item.key for item in found} == {f"{known}-talkative" for known in ("report", "dataset", "progress")}
    return [
        re.sub(r" \\\(no copies.*|, [\d.]+ images/s", "", item.description or "")
        for item in found
        if item.key == f"{kind}-talkative"
    ]


def secrets_in(text: str) -> list[str]:
    return [text[max(0, found.start() - 80) : found.end() + 20] for found in SECRETS.finditer(text)]
