"""What Prefect would take without a word, or stop at half-way, is refused before anything is deployed."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from contextlib import chdir
from pathlib import Path
from typing import Any

import pytest
import yaml

from tuneloop.orchestration.deployment_files import SAMPLE, check_file, deployment_files

GOOD: dict[str, Any] = {
    "name": "robot",
    "entrypoint": "flows/retrain_model.py:retrain_model",
    "work_pool": {"name": "tuneloop"},
    "schedules": [{"cron": "0 3 * * *", "timezone": "Europe/Berlin", "slug": "nightly"}],
    "parameters": {
        "model": "robot",
        "dataset": "images/robot",
        "recipe": {"trainer": "flux-lora", "instance_prompt": "a photo of ROBOX", "trigger_word": "ROBOX"},
        "store": "{{ $TUNELOOP_STORE }}",
    },
}


def problems_of(folder: Path, **changes: Any) -> list[str]:
    """Problems of a good deployment that was changed, without the file's name in front of each."""
    file = folder / "robot.yaml"
    file.write_text(yaml.safe_dump({"deployments": [{**GOOD, **changes}]}))
    place = f"{file}, deployment 1 (robot)"
    found = check_file(file)
    assert all(problem.startswith(place) for problem in found)
    return [problem.removeprefix(place).lstrip(":, ") for problem in found]


def with_parameters(**changes: Any) -> dict[str, Any]:
    return {**GOOD["parameters"], **changes}


def on_schedule(**changes: Any) -> list[dict[str, Any]]:
    return [{**GOOD["schedules"][0], **changes}]


def test_shipped_files_and_a_copy_of_them_pass(pytestconfig: pytest.Config, tmp_path: Path) -> None:
    with chdir(pytestconfig.rootpath):
        shipped = [*deployment_files(Path()), SAMPLE]
        assert {str(file): check_file(file) for file in shipped if check_file(file)} == {}
    assert problems_of(tmp_path) == []


def test_compose_file_is_left_alone_and_a_model_called_so_is_not(tmp_path: Path) -> None:
    (tmp_path / "deployments").mkdir()
    operator, file = tmp_path / "prefect.yaml", tmp_path / "deployments" / "compose.yaml"
    operator.write_text("deployments: []\n")
    file.write_text("name: tuneloop\n\nservices: {}\n")
    assert deployment_files(tmp_path) == [operator]
    file.write_text(yaml.safe_dump({"deployments": [GOOD]}))
    assert deployment_files(tmp_path) == [operator, file]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"schedule": []}, "`schedule` is not known here; it would be ignored. Known: concurrency_limit, desc"),
        ({"schedules": on_schedule(time_zone="Etc/UTC")}, "schedule: `time_zone` is not known here; it would be"),
        ({"parameters": with_parameters(credential="x")}, "parameters: Function expects parameters ['model', "),
        (
            {"parameters": with_parameters(model="My Robot")},
            "parameters: Flow run received invalid parameters: - model: Value error, 'My Robot' cannot be a name",
        ),
        (
            {"parameters": with_parameters(dataset="{{ $NOBODY_HAS_SET_THIS }}/robot")},
            "parameters: the environment variable NOBODY_HAS_SET_THIS is not set; set it, or write the value",
        ),
        (
            {"schedules": on_schedule(parameters={"evaluation": {"seeds": [1, 1]}})},
            "parameters of schedule 1: Flow run received invalid parameters: - evaluation.seeds: Value error, ",
        ),
        ({"schedules": on_schedule(timezone=None)}, "schedule: a cron needs a `timezone`, such as Europe/Berlin"),
        ({"schedules": [{"cron": "0 3 * * *"}]}, "schedule: a cron needs a `timezone`, such as Europe/Berlin"),
        (
            {"schedules": on_schedule(timezone="Europe/Berlim")},
            'schedule: timezone: Value error, Invalid timezone: "Europe/Berlim" (specify in IANA tzdata format, ',
        ),
        ({"schedules": on_schedule(cron="61 * * * *")}, 'schedule: cron: Value error, Invalid cron string: "61 *'),
        ({"schedules": [{"slug": "nightly"}]}, "schedule: needs one of cron, interval, rrule"),
        ({"schedules": ["0 3 * * *"]}, "schedule: should be a mapping"),
        ({"schedules": GOOD["schedules"][0]}, "`schedules` should be a list; put a - before each schedule"),
        ({"schedules": on_schedule(parameters=["x"])}, "parameters of schedule 1: should be a mapping"),
        ({"parameters": ["model"]}, "parameters: should be a mapping"),
        (
            {"entrypoint": "flows/retrain_modle.py:retrain_model"},
            "entrypoint flows/retrain_modle.py:retrain_model cannot be loaded: No module named 'flows.retrain_m",
        ),
        (
            {"entrypoint": "flows.retrain_model:retrain_model"},
            "entrypoint flows.retrain_model:retrain_model cannot be loaded: write it as folder/file.py:function",
        ),
    ],
)
def test_mistake_is_named_with_its_place_and_the_remedy(change: dict[str, Any], said: str, tmp_path: Path) -> None:
    (problem,) = problems_of(tmp_path, **change)
    assert problem.startswith(said)


@pytest.mark.parametrize("content", [b"deployments: [", b"\xff\xfedeployments: []"])
def test_file_that_is_no_yaml_is_named(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "robot.yaml"
    file.write_bytes(content)
    (problem,) = check_file(file)
    assert problem.startswith(f"{file}: cannot be read as YAML: ")


def test_deploy_without_a_server_refuses_and_starts_none(pytestconfig: pytest.Config, tmp_path: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PREFECT_")}
    done = subprocess.run(
        [sys.executable, "-m", "tuneloop.cli.app", "deploy"],
        env={**environment, "PREFECT_HOME": str(tmp_path)},
        cwd=pytestconfig.rootpath,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "PREFECT_API_URL is not set, so there is no Prefect server to speak to" in done.stderr
    assert not (tmp_path / "prefect.db").exists(), "a temporary server was started"


def test_reason_to_train_again_belongs_to_one_run_and_not_to_a_schedule(tmp_path: Path) -> None:
    (problem,) = problems_of(tmp_path, parameters=with_parameters(force_reason="always"))
    assert "`force_reason` pays again at every run; set it for one run, in the UI" in problem


def test_what_was_wrong_is_told_once_and_prefect_logs_nothing_beside_it(tmp_path: Path) -> None:
    logged: list[str] = []

    def note(record: logging.LogRecord) -> bool:
        logged.append(record.getMessage())
        return False

    logger = logging.getLogger("prefect.flows")
    logger.addFilter(note)
    try:
        assert len(problems_of(tmp_path, parameters=with_parameters(recipe={"trainer": "flux"}))) == 1
    finally:
        logger.removeFilter(note)
    assert logged == []
