from __future__ import annotations

from pathlib import Path

import pytest

from tests.datasets.scanning import scan
from tuneloop.datasets.captions import CaptionRule
from tuneloop.datasets.delivery import Delivery
from tuneloop.datasets.scan import preflight
from tuneloop.demo.samples import copy_samples, take_some
from tuneloop.providers.registry import TRAINERS

from .images import PNG

RULE = CaptionRule(trigger_word="ROBOX", instance_prompt="a photo of ROBOX", provider_captions=False)


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("samples") / "images" / "robox"
    copy_samples(folder)
    return folder


def test_samples_are_a_varied_dataset(samples: Path) -> None:
    items = scan(samples, RULE).manifest.items
    assert len({item.sha256 for item in items}) == 20
    assert {item.format for item in items} == {"jpeg", "png"}
    assert {item.width_px > item.height_px for item in items} == {True, False}
    assert all(min(item.width_px, item.height_px) >= 480 for item in items)
    assert all(item.width_px * item.height_px <= 1600 * 1200 for item in items)
    assert sum(item.size_bytes for item in items) < 6_000_000
    assert all("ROBOX" in (item.caption or "") for item in items)


@pytest.mark.parametrize("trainer", TRAINERS)
def test_samples_have_no_findings_and_a_quarter_of_them_is_only_small(trainer: str, tmp_path: Path) -> None:
    recipe = TRAINERS[trainer].model_validate(TRAINERS[trainer].example_for("ROBOX"))
    copy_samples(tmp_path / "all", pairs=recipe.edit_pairs)
    take_some(tmp_path / "all", tmp_path / "some")
    rule, sending = CaptionRule.of(recipe), Delivery.of(recipe, by_provider=False)
    whole, fewer = (
        preflight(folder, rule, recipe.profile, pairs=recipe.edit_pairs, sending=sending)
        for folder in (tmp_path / "all", tmp_path / "some")
    )
    assert not whole.findings
    assert {finding.check for finding in fewer.findings} <= {"few-images"}


def test_a_quarter_of_them_makes_another_dataset_of_copies(samples: Path, tmp_path: Path) -> None:
    take_some(samples, tmp_path / "fewer")
    whole, fewer = scan(samples, RULE).manifest, scan(tmp_path / "fewer", RULE).manifest
    assert set(fewer.items) < set(whole.items)
    assert len(fewer.items) == 5
    assert fewer.digest != whole.digest
    assert not any(path.is_symlink() for path in (tmp_path / "fewer").iterdir())


def test_a_part_is_taken_of_any_folder(folder: Path, tmp_path: Path) -> None:
    for name in ("a.PNG", "b.jpg", "b.txt", "c.md", "d.jpg", "d.txt", "e.jpg"):
        (folder / name).write_bytes(PNG)
    (folder / "empty").mkdir()
    take_some(folder, tmp_path / "fewer")
    assert sorted(path.name for path in (tmp_path / "fewer").iterdir()) == ["a.PNG", "d.jpg", "d.txt"]
    with pytest.raises(FileExistsError):
        take_some(folder, tmp_path / "fewer")
