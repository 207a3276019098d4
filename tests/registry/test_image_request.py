"""What is checked before an image by a champion is paid."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import draw_images
from tests.registry.conftest import editing, promotion_of
from tuneloop.errors import (
    ConfigurationError,
    DatasetError,
)
from tuneloop.providers.registry import ADOPTED
from tuneloop.registry.generate import image_request
from tuneloop.schemas.records import Promotion


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder of whoever orders."""
    made = tmp_path / "images-made"
    made.mkdir()
    monkeypatch.chdir(made)
    return made


def no_trigger(promotion: Promotion) -> Promotion:
    recipe = ADOPTED["flux-lora"](job_id="j").model_dump(mode="json")
    return promotion.model_copy(update={"trigger_word": None, "recipe": recipe})


@pytest.mark.parametrize(
    ("change", "prompt", "said"),
    [
        (no_trigger, "a photo of {trigger}", "PROMPT: {trigger} stands for nothing"),
        (no_trigger, "  ", "PROMPT: it is empty"),
        (editing, "x", "--image: robot edits images; name the one to edit"),
    ],
)
def test_what_cannot_be_asked_is_said_before(
    change: Callable[[Promotion], Promotion], prompt: str, said: str
) -> None:
    with pytest.raises(ConfigurationError, match=said.replace("{", r"\{")):
        image_request(change(promotion_of("a", "robot", 1)), prompt, seed=1)


def test_image_for_a_model_that_does_not_edit_is_refused(tmp_path: Path) -> None:
    image = draw_images(tmp_path / "inputs", 1) / "0.png"
    with pytest.raises(ConfigurationError, match="does not edit images; leave it out"):
        image_request(promotion_of("a", "robot", 1), "x", seed=1, image=image)


def test_image_to_edit_must_be_whole(tmp_path: Path) -> None:
    edits = editing(promotion_of("a", "robot", 1))
    image = draw_images(tmp_path / "inputs", 1) / "0.png"
    data = image.read_bytes()
    assert image_request(edits, "x", seed=1, image=image).image == data
    image.write_bytes(data[: len(data) // 2])
    with pytest.raises(DatasetError, match=r"0\.png: is broken or cut short"):
        image_request(edits, "x", seed=1, image=image)
    with pytest.raises(DatasetError, match=r"1\.png: cannot be read"):
        image_request(edits, "x", seed=1, image=image.with_name("1.png"))


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_image_of_any_format_that_is_there_is_not_overwritten(folder: Path, suffix: str) -> None:
    (folder / f"a{suffix}").write_bytes(b"precious")
    with pytest.raises(ConfigurationError, match=r"exists already; name another file with --output"):
        image_request(promotion_of("a", "robot", 1), "x", seed=1, out=folder / "a.jpg")
