"""What is told of images that change on their way to the trainer, and of those that cannot."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tuneloop.datasets.captions import CaptionRule
from tuneloop.datasets.copies import make_copies
from tuneloop.datasets.delivery import LOCAL_ARCHIVE, Delivery
from tuneloop.datasets.scan import Preflight, preflight
from tuneloop.schemas.dataset import DatasetRequirements, ImagePreprocessing
from tuneloop.schemas.findings import errors_in
from tuneloop.storage.local import LocalDirectory

from .images import distinct, encoded, fill_cleanly
from .planted.scenes import saved, scene, turned

RULE = CaptionRule(trigger_word=None, instance_prompt=None, provider_captions=True)
NO_WEBP = DatasetRequirements(formats=frozenset({"jpeg", "png"}))
BY_PROVIDER = Delivery(by_provider=True)


def looked(folder: Path, profile: DatasetRequirements, sending: Delivery) -> Preflight:
    return preflight(folder, RULE, profile, sending=sending)


def remedies(folder: Path, sending: Delivery) -> dict[str, str]:
    """The remedy of each check that says something."""
    return {one.check: one.remedy for one in looked(folder, DatasetRequirements(), sending).findings}


def put_odd_images(folder: Path) -> None:
    """One that lies on its side, one under another format's name, and four that are no plain RGB."""
    (folder / "side.jpg").write_bytes(saved(scene(1, 300, 400), "JPEG", exif=turned(6)))
    (folder / "disguised.png").write_bytes(distinct(2, image_format="JPEG"))
    (folder / "cmyk.jpg").write_bytes(encoded(scene(3, 300, 400).convert("CMYK"), "JPEG"))
    (folder / "deep.png").write_bytes(
        encoded(Image.fromarray(np.asarray(scene(4, 300, 400).convert("L")).astype(np.uint16) * 257), "PNG")
    )
    clear = scene(5, 300, 400).convert("RGBA")
    clear.putpixel((0, 0), (0, 0, 0, 0))
    (folder / "clear.png").write_bytes(encoded(clear, "PNG"))


def test_nothing_is_promised_of_a_zip_that_the_provider_fetches_by_itself(folder: Path) -> None:
    put_odd_images(folder)
    here, there = remedies(folder, LOCAL_ARCHIVE), remedies(folder, BY_PROVIDER)
    assert here.keys() == there.keys() == {"exif-rotation", "misnamed", "cmyk", "sixteen-bit", "transparency"}
    assert "a rotated copy is sent" in here["exif-rotation"]
    for remedy in there.values():
        assert "zip again" in remedy
        assert "is sent" not in remedy
        assert "normalize" not in remedy


def test_images_that_the_recipe_converts_need_nothing_done(folder: Path) -> None:
    put_odd_images(folder)
    told = remedies(folder, Delivery(ImagePreprocessing()))
    for check in ("cmyk", "sixteen-bit", "transparency"):
        assert told[check].startswith("nothing to do: a plain copy is sent")
    kept = remedies(folder, Delivery(ImagePreprocessing(convert_to_rgb=False, longest_side_px=300)))
    assert kept["cmyk"] == remedies(folder, LOCAL_ARCHIVE)["cmyk"]


@pytest.mark.parametrize("reencode", ["jpeg", "png"])
def test_format_that_the_recipe_changes_is_no_reason_to_refuse(
    folder: Path, store: LocalDirectory, reencode: str
) -> None:
    fill_cleanly(folder)
    (folder / "x.webp").write_bytes(distinct(50, image_format="WEBP"))
    way = ImagePreprocessing.model_validate({"reencode": reencode})
    for sending in (LOCAL_ARCHIVE, Delivery(ImagePreprocessing())):
        assert [one.check for one in errors_in(looked(folder, NO_WEBP, sending).findings)] == ["format"]
    dataset = looked(folder, NO_WEBP, Delivery(way))
    manifest = dataset.require_manifest()
    copies = make_copies(manifest, dataset.files, dataset.facts, way, store).copies
    sent = {copies[item.sha256].format if item.sha256 in copies else item.format for item in manifest.items}
    assert sent == {reencode}


def test_size_of_a_zip_of_copies_is_not_told_before_they_are_made(folder: Path) -> None:
    fill_cleanly(folder)
    small = DatasetRequirements(recommended_max_zip_bytes=1000)
    for way, told in ((None, True), (ImagePreprocessing(), True), (ImagePreprocessing(longest_side_px=64), False)):
        assert any(one.check == "large-zip" for one in looked(folder, small, Delivery(way)).findings) is told


def test_format_that_is_only_advised_against_is_not_told_where_it_is_not_sent(folder: Path) -> None:
    fill_cleanly(folder)
    (folder / "x.webp").write_bytes(distinct(50, image_format="WEBP"))
    profile = DatasetRequirements(recommended_formats=frozenset({"jpeg", "png"}))
    for way, told in ((None, True), (ImagePreprocessing(reencode="png"), False)):
        assert (
            any(one.check == "unusual-format" for one in looked(folder, profile, Delivery(way)).findings) is told
        )
