"""SIGKILL wherever a rendering process speaks to anything, judged by the provider's own books."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.evaluation.killed_renderer import CENTS, CLIENTS, Scene, rendered
from tests.evaluation.rendering import is_complete
from tests.registry.conftest import run_of
from tests.waiting import LIMIT_S, wait_until
from tuneloop.clock import Deadline, now
from tuneloop.datasets.archive import DatasetArchive
from tuneloop.emulator import EmulatorControl, Fault, Progress, running_emulator
from tuneloop.ledger.budget import Budget
from tuneloop.ledger.ledger import Ledger
from tuneloop.providers.bfl.recipes import BflFinetuneRecipe, BflProRender
from tuneloop.providers.segmind.recipes import FluxDevRender, FluxLoraRecipe
from tuneloop.schemas.plan import EvaluationConfig
from tuneloop.schemas.recipe_fields import BaseRecipe
from tuneloop.schemas.render_settings import ServiceSettings
from tuneloop.schemas.spending import SpendingLimits
from tuneloop.schemas.training import Submission
from tuneloop.storage.local import LocalDirectory

IMAGES = 3
KINDS: dict[str, tuple[BaseRecipe, ServiceSettings, str]] = {
    "segmind": (
        FluxLoraRecipe(instance_prompt="a photo of ROBOX", trigger_word="ROBOX"),
        FluxDevRender(),
        "/v1/flux-dev-finetuned",
    ),
    "bfl": (
        BflFinetuneRecipe(mode="character", trigger_word="ROBOX"),
        BflProRender(width=256, height=256),
        "/results/",
    ),
}
POINTS = (
    "before budget/ 1",
    "after budget/ 1",
    "after .reserved 2",
    "after .reserved 3",
    "before -0001 4",
    "after -0001 4",  # written down, and not sent
    "before renders/ 1",  # answered, and not stored
    "after renders/ 1",
    "before renders/ 3",
    "after renders/ 3",
)
"""Where a process dies; `-0001` is in the names of first asks, and of the images that money is reserved for."""


@pytest.fixture(params=list(KINDS))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def emulator(tmp_path: Path, kind: str) -> Iterator[EmulatorControl]:
    with running_emulator(kind, tmp_path / "emulator", progress=Progress.at_once()) as control:
        control.switch(image_s=0)
        yield control


@pytest.fixture
def scene(emulator: EmulatorControl, archive: DatasetArchive, artifacts: LocalDirectory, kind: str) -> Scene:
    recipe, settings, _ = KINDS[kind]
    provider = CLIENTS[kind](emulator.api_key, base_url=emulator.url)
    job_id = provider.submit("robot-1", recipe, provider.deliver("a-name", archive), Deadline(60)).job_id
    provider.get_job(Submission(job_id=job_id))
    return Scene(
        provider=kind,
        url=emulator.url,
        key=emulator.api_key,
        folder=Path(artifacts.uri.removeprefix("file://")),
        job_id=job_id,
        run=run_of("a").model_copy(update={"account": provider.account}),
        plan=EvaluationConfig(prompts=("a photo of {trigger}",), seeds=(1, 2, 3), settings=settings),
    )


def started(scene: Scene, point: str) -> subprocess.Popen[str]:
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.evaluation.killed_renderer", point], stdin=subprocess.PIPE, text=True
    )
    assert child.stdin
    child.stdin.write(scene.model_dump_json())
    child.stdin.close()
    return child


def died(child: subprocess.Popen[str]) -> None:
    assert child.wait(timeout=LIMIT_S) == -signal.SIGKILL


def judge(scene: Scene, emulator: EmulatorControl, kills: int) -> int:
    """Render to the end, and hold everything against the books. Returns how many payments were too many."""
    store = LocalDirectory(scene.folder)
    evaluation = rendered(scene, store)
    paid = _billed(emulator)
    assert is_complete(evaluation)
    assert not evaluation.findings
    assert paid <= IMAGES + kills
    assert paid - IMAGES <= evaluation.asked_again <= kills, "every payment too many is told of"
    reserved = Budget(Ledger(store), scene.run.account, SpendingLimits()).spending(now().date()).cents
    assert paid * CENTS <= reserved, "the sums are never too low"
    assert reserved <= IMAGES * (kills + 1) * CENTS
    again = rendered(scene, store)
    assert (again, _billed(emulator)) == (evaluation, paid)
    return paid - IMAGES


@pytest.mark.parametrize("point", POINTS)
def test_process_that_is_killed_costs_at_most_one_image_more_and_that_is_told(
    scene: Scene, emulator: EmulatorControl, point: str
) -> None:
    died(started(scene, point))
    assert judge(scene, emulator, 1) == (point in {"before renders/ 1", "before renders/ 3"})


def test_each_of_several_kills_is_paid_for_and_told_of(scene: Scene, emulator: EmulatorControl) -> None:
    for _ in range(3):
        died(started(scene, "before renders/ 1"))
    assert judge(scene, emulator, 3) == 3


def test_process_that_is_killed_while_a_image_is_on_its_way(
    scene: Scene, emulator: EmulatorControl, kind: str
) -> None:
    path = KINDS[kind][2]
    emulator.inject(Fault("slow", path, delay_s=LIMIT_S))
    child = started(scene, "before nothing 1")

    def asked() -> bool:
        assert child.poll() is None
        return bool(_billed(emulator)) and any(request.path.startswith(path) for request in emulator.requests())

    wait_until("it asks for an image", asked)
    child.kill()
    died(child)
    assert judge(scene, emulator, 1) == 1


def _billed(emulator: EmulatorControl) -> int:
    return sum(entry.kind == "inference" for entry in emulator.billing())
