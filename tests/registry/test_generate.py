"""One image by a champion: requested once, and saved."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest
from PIL import Image
from rich.console import Console

from tests.conftest import draw_images
from tests.registry.conftest import editing, promotion_of
from tuneloop.cli.champion import generate_by_champion
from tuneloop.clock import Deadline, now
from tuneloop.datasets.archive import DatasetArchive
from tuneloop.emulator import EmulatorControl, Fault
from tuneloop.errors import (
    BudgetExceeded,
    ConfigurationError,
    ProviderUnavailable,
    RateLimited,
    RequestRejected,
    TuneloopError,
    UnexpectedResponse,
)
from tuneloop.ledger.budget import Budget
from tuneloop.ledger.ledger import Ledger
from tuneloop.providers.base import TrainedModel
from tuneloop.providers.segmind.client import SegmindProvider
from tuneloop.providers.segmind.recipes import FluxLoraRecipe, ModelEndpointRender
from tuneloop.registry.generate import generate_image, image_request
from tuneloop.schemas.records import Promotion
from tuneloop.schemas.render_settings import ServiceSettings
from tuneloop.schemas.spending import SpendingLimits
from tuneloop.schemas.training import Account, RenderedImage, Submission

RENDER = "/v1/flux-dev-finetuned"


@pytest.fixture
def reigning(provider: SegmindProvider, archive: DatasetArchive, recipe: FluxLoraRecipe) -> Promotion:
    job_id = provider.submit("robot-1", recipe, provider.deliver("a-name", archive), Deadline(60)).job_id
    provider.get_job(Submission(job_id=job_id))
    return promotion_of("a", "robot", 1).model_copy(update={"job_id": job_id})


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder of whoever orders."""
    made = tmp_path / "images-made"
    made.mkdir()
    monkeypatch.chdir(made)
    return made


def asked(emulator: EmulatorControl) -> int:
    return sum(request.method == "POST" and request.path == RENDER for request in emulator.requests())


def unlimited(provider: SegmindProvider) -> Callable[[str], tuple[SegmindProvider, SpendingLimits]]:
    """Opens one account by any slug."""
    return lambda _: (provider, SpendingLimits())


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def paid(emulator: EmulatorControl) -> int:
    return sum(entry.kind == "inference" for entry in emulator.billing())


def test_image_is_told_of_asked_for_once_and_kept(
    reigning: Promotion, provider: SegmindProvider, emulator: EmulatorControl, folder: Path, ledger: Ledger
) -> None:
    screen = io.StringIO()

    def opened(slug: str) -> tuple[SegmindProvider, SpendingLimits]:
        assert slug == reigning.credentials
        return provider, SpendingLimits()

    _, file = generate_by_champion(
        ledger, reigning, "a photo of {trigger}", 7, None, None, opened, Console(file=screen, width=500)
    )
    assert "Requesting an image from segmind.default by robot v1" in screen.getvalue()
    assert "with flux-dev-finetuned, seed 7: 'a photo of ROBOX'. segmind bills it" in screen.getvalue()
    assert (asked(emulator), paid(emulator)) == (1, 1)
    with Image.open(file) as image:
        assert {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp"}[str(image.format)] == file.suffix
    assert names_in(folder) == [file.name] == [f"robot-0001-seed7{file.suffix}"]
    assert emulator.api_key not in screen.getvalue()


def test_suffix_follows_what_arrives_and_other_suffixes_stay(
    reigning: Promotion, provider: SegmindProvider, folder: Path
) -> None:
    made = generate_image(image_request(reigning, "x", seed=1, out=folder / "a.webp"), provider, list)
    assert made == folder / f"a{made.suffix}"
    assert made.suffix == ".jpg"
    assert image_request(reigning, "x", seed=1, out=Path("v1.2")).stem == Path("v1.2")
    assert image_request(reigning, "x", seed=1, out=folder).stem == folder / "robot-0001-seed1"


def test_image_by_hand_counts_into_the_limit_of_its_account(
    reigning: Promotion, provider: SegmindProvider, emulator: EmulatorControl, ledger: Ledger
) -> None:
    limits = SpendingLimits(cents_per_window=5, cents_per_image=3)
    screen = io.StringIO()
    order = (
        ledger,
        reigning,
        "x",
        None,
        None,
        None,
        lambda _: (provider, limits),
        Console(file=screen, width=500),
    )
    generate_by_champion(*order)
    assert "segmind bills it; $0.03." in screen.getvalue()
    assert Budget(ledger, provider.account, limits).spending(now().date()).cents == 3
    with pytest.raises(BudgetExceeded, match="1 image of robot would cost"):
        generate_by_champion(*order)
    assert (asked(emulator), paid(emulator)) == (1, 1)


@pytest.mark.parametrize(
    ("changes", "limits", "said"),
    [
        ({}, SpendingLimits(cents_per_window=5), "set dollars_per_image"),
        ({"account": Account(provider="segmind", label="other")}, SpendingLimits(), "are for segmind.default now"),
    ],
)
def test_image_by_hand_that_cannot_be_counted_is_refused_before_it_is_asked_for(
    reigning: Promotion,
    provider: SegmindProvider,
    emulator: EmulatorControl,
    ledger: Ledger,
    changes: dict[str, Account],
    limits: SpendingLimits,
    said: str,
) -> None:
    champion = reigning.model_copy(update=changes)
    with pytest.raises(ConfigurationError, match=said):
        generate_by_champion(
            ledger, champion, "x", 1, None, None, lambda _: (provider, limits), Console(file=io.StringIO())
        )
    assert asked(emulator) == 0


class Edits(SegmindProvider):
    """An account that hands back the image it was given."""

    def render(
        self, model: TrainedModel, prompt: str, seed: int, settings: ServiceSettings, image: bytes | None = None
    ) -> RenderedImage:
        assert (model.job.job_id, prompt, seed) == ("job-a", "make ROBOX red", 4)
        assert settings == ModelEndpointRender()
        assert image is not None
        return RenderedImage(data=image, suffix=".png")


def test_model_that_edits_is_given_the_image(emulator: EmulatorControl, tmp_path: Path, ledger: Ledger) -> None:
    image = draw_images(tmp_path / "inputs", 1) / "0.png"
    screen, account = io.StringIO(), Edits(emulator.api_key, base_url=emulator.url)
    _, made = generate_by_champion(
        ledger,
        editing(promotion_of("a", "robot", 1)),
        "make {trigger} red",
        4,
        None,
        image,
        unlimited(account),
        Console(file=screen),
    )
    assert made.read_bytes() == image.read_bytes()
    assert "an edit of the image from segmind.default by robot v1" in " ".join(screen.getvalue().split())


class Stopped(SegmindProvider):
    """An account that a person has lost patience with."""

    def render(self, *_: object, **__: object) -> NoReturn:
        raise KeyboardInterrupt


def test_control_c_while_it_renders_is_told_what_it_does_not_stop(
    reigning: Promotion, emulator: EmulatorControl, folder: Path, ledger: Ledger
) -> None:
    screen, account = io.StringIO(), Stopped(emulator.api_key, base_url=emulator.url)
    with pytest.raises(KeyboardInterrupt):
        generate_by_champion(
            ledger, reigning, "x", 1, None, None, unlimited(account), Console(file=screen, width=200)
        )
    asking, stopped = screen.getvalue().splitlines()
    assert asking.startswith("Requesting an image from segmind.default")
    assert stopped.startswith("Stopped. The image may still be rendered and billed")
    assert names_in(folder) == []


def test_seed_at_random_is_told(reigning: Promotion, provider: SegmindProvider, ledger: Ledger) -> None:
    first, second = (
        generate_by_champion(
            ledger, reigning, "x", None, None, None, unlimited(provider), Console(file=io.StringIO())
        )
        for _ in range(2)
    )
    assert first != second


@pytest.mark.parametrize(
    ("status", "kind"), [(500, ProviderUnavailable), (503, ProviderUnavailable), (418, UnexpectedResponse)]
)
def test_odd_answer_is_told_and_nothing_is_asked_again(
    reigning: Promotion,
    provider: SegmindProvider,
    emulator: EmulatorControl,
    folder: Path,
    status: int,
    kind: type[TuneloopError],
) -> None:
    emulator.inject(Fault("fail_after_effect", RENDER, "POST", status=status))
    with pytest.raises(kind, match="may have been rendered and billed; it is not requested again unless you do"):
        generate_image(image_request(reigning, "x", seed=1), provider, list)
    assert (asked(emulator), paid(emulator)) == (1, 1)
    assert names_in(folder) == []


def test_lost_answer_is_told_and_nothing_is_asked_again(
    reigning: Promotion, provider: SegmindProvider, emulator: EmulatorControl, folder: Path
) -> None:
    emulator.inject(Fault("cut_after_effect", RENDER, "POST"))
    with pytest.raises(ProviderUnavailable, match="may have been rendered and billed"):
        generate_image(image_request(reigning, "x", seed=1), provider, list)
    assert (asked(emulator), paid(emulator)) == (1, 1)
    assert names_in(folder) == []


@pytest.mark.parametrize(("status", "kind"), [(429, RateLimited), (422, RequestRejected), (401, RequestRejected)])
def test_refusal_is_no_bill_and_says_so_by_saying_nothing_of_one(
    reigning: Promotion,
    provider: SegmindProvider,
    emulator: EmulatorControl,
    status: int,
    kind: type[TuneloopError],
) -> None:
    emulator.inject(Fault("refuse", RENDER, "POST", status=status))
    with pytest.raises(kind) as caught:
        generate_image(image_request(reigning, "x", seed=1), provider, list)
    assert "billed" not in str(caught.value)
    assert (asked(emulator), paid(emulator)) == (1, 0)


def test_folder_that_cannot_be_written_is_found_before_anything_is_paid(
    reigning: Promotion, provider: SegmindProvider, emulator: EmulatorControl, folder: Path
) -> None:
    order = image_request(reigning, "x", seed=1, out=folder / "missing" / "a")
    with pytest.raises(ConfigurationError, match="missing cannot be written"):
        generate_image(order, provider, list)
    assert asked(emulator) == 0


def test_file_that_is_made_meanwhile_stays_and_so_does_the_paid_image(
    reigning: Promotion, provider: SegmindProvider, folder: Path
) -> None:
    order = image_request(reigning, "x", seed=1, out=folder / "a")
    (folder / "a.jpg").write_bytes(b"precious")
    made = generate_image(order, provider, list)
    assert (folder / "a.jpg").read_bytes() == b"precious"
    assert made.parent == folder
    assert names_in(folder) == sorted(["a.jpg", made.name])
