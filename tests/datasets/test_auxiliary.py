"""What other trainers keep beside their images is named and left out; what only has such a name is kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from tuneloop.datasets.captions import CaptionRule
from tuneloop.datasets.listing import list_folder
from tuneloop.datasets.scan import preflight
from tuneloop.schemas.dataset import DatasetRequirements

from .images import black_and_white, distinct

RULE = CaptionRule(trigger_word=None, instance_prompt="a robot", provider_captions=False)


def put(folder: Path, *names: str) -> None:
    for number, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(distinct(number))


def kept(folder: Path, *, pairs: bool = False) -> list[str]:
    return [image.name for image in list_folder(folder, pairs=pairs).images]


@pytest.mark.parametrize(
    "name",
    [
        "a-masklabel.png", "a-condlabel.png", "a_mask.png", "a-mask.jpg", "a.mask.png", "A_MASK.PNG",
        "a (mask).png", "a_mask_2.png", "a_mask2.png", "mask_a.png", "a_depth.png", "a.depth.jpg",
        "a_depth_map.png", "a_canny.webp", "a_openpose.png", "a_seg.png", "a_segmentation.png", "depth-a.png",
        "a_depth_mask.png", "masks/a.png", "mask/a_mask.png", "set/masks/a.jpg", "conditioning_images/a.png",
        "_controls/a.depth.jpg", "depth/a.png", "SegmentationClass/a.png", "annotations/a.png",
        "thumbnails/a.jpg", "train_masks/a.png", "near/robot masks/a.png", "mask_pictures/a.png",
    ],
)  # fmt: skip
def test_masks_and_maps_of_an_image_that_is_there_are_left_out(folder: Path, name: str) -> None:
    put(folder, "a.jpg", "b.jpg", name)
    assert kept(folder) == ["a.jpg", "b.jpg"]
    (finding,) = list_folder(folder).findings
    assert (finding.check, finding.severity, finding.file) == ("not-for-training", "warning", name)


@pytest.mark.parametrize(
    "name",
    [
        "reg/x.png", "reg/1_woman/x.png", "regularization/x.png", "Regularisation Images/x.png",
        "reg_images/x.png", "class_images/x.png", "class-data/x.png", "prior_preservation/x.png",
        "sample/x.png", "samples/x.png", "model/sample/x_e000010_00_20240101.png", "training samples/x.png",
    ],
)  # fmt: skip
def test_regularisation_and_samples_are_left_out(folder: Path, name: str) -> None:
    put(folder, "img/10_robot/a.jpg", "img/10_robot/b.jpg", name)
    (folder / Path(name).with_suffix(".txt")).write_text("a caption of no concern")
    assert kept(folder) == ["img/10_robot/a.jpg", "img/10_robot/b.jpg"]
    assert [finding.check for finding in list_folder(folder).findings] == ["not-for-training"]


@pytest.mark.parametrize(
    "names",
    [
        ["masks/venice.jpg", "masks/fox.jpg"],
        ["samples/a.jpg", "samples/b.jpg"],
        ["gas.jpg", "gasmask.jpg", "mask.jpg", "unmasked.jpg", "maskerade/a.jpg"],
        ["a.jpg", "b_mask.jpg", "depth_c.jpg"],
        ["a.jpg", "a_pose.jpg", "b.jpg", "c.jpg", "d.jpg"],
        ["class/a.jpg", "normal/a.jpg", "angry/a.jpg", "region/a.jpg"],
        ["photos/a.jpg", "labels/b.jpg", "controls/c.jpg"],
        ["a.jpg", "a_2.jpg", "a (1).jpg", "a - front.jpg", "a_masked.jpg"],
    ],
    ids=lambda names: names[0],
)
def test_images_that_only_have_such_a_name_are_trained_on(folder: Path, names: list[str]) -> None:
    put(folder, *names)
    assert kept(folder) == sorted(names)


def test_words_of_other_meanings_count_where_half_of_the_images_have_one(folder: Path) -> None:
    put(folder, *(f"{name}{word}.jpg" for name in "abcd" for word in ("", "_pose")))
    assert kept(folder) == ["a.jpg", "b.jpg", "c.jpg", "d.jpg"]


def test_folder_of_masks_that_fit_no_image_is_refused(folder: Path) -> None:
    put(folder, "a.jpg", "b.jpg", "masks/1.png", "masks/2.png")
    (finding,) = list_folder(folder).findings
    assert finding.sentence == (
        "2 images (masks/1.png and masks/2.png) lie where other trainers keep masks or maps, but no other image "
        "has such a name; rename the folder if they are to be trained on, or take it out"
    )
    assert finding.severity == "error"


def test_control_images_are_halves_of_pairs(folder: Path) -> None:
    names = ["control/01_end.png", "control/01_start.png", "more/02_end.png", "more/02_start.png"]
    put(folder, *names, "masks/01_start.png")
    assert kept(folder, pairs=True) == names


def test_mask_of_another_name_is_told_by_its_colors(folder: Path) -> None:
    put(folder, *(f"{number}.jpg" for number in range(3)))
    for number, image_format in enumerate(["PNG", "JPEG", "WEBP"]):
        (folder / f"other {number}.png").write_bytes(black_and_white(300 + number, 300, image_format))
    found = preflight(folder, RULE, DatasetRequirements())
    told = [finding.reason for finding in found.findings if finding.check == "black-and-white"]
    assert told == [
        "3 images (other 0.png, other 1.png and other 2.png) hold almost nothing but black and white, as masks do"
    ]
    (folder / "0.jpg").unlink()
    found = preflight(folder, RULE, DatasetRequirements())
    assert "black-and-white" not in {finding.check for finding in found.findings}


def test_report_says_how_many_images_come_from_which_folder(folder: Path) -> None:
    put(folder, "a.jpg", "near/b.jpg", "near/c.jpg", "reg/d.jpg")
    assert preflight(folder, RULE, DatasetRequirements()).folders == {"": 1, "near": 2}


@pytest.mark.parametrize("name", ["#recycle", "$RECYCLE.BIN", "@Recycle", "Network Trash Folder", ".Trash-1000"])
def test_images_in_a_bin_are_no_part_of_the_dataset(folder: Path, name: str) -> None:
    put(folder, "a.jpg", f"{name}/deleted.jpg", f"near/{name}/S-1-5-21/deleted.jpg")
    assert kept(folder) == ["a.jpg"]
    (finding,) = list_folder(folder).findings
    assert finding.check == "left-out"


def test_phone_that_exports_an_image_in_two_formats_has_one_error_a_file(folder: Path) -> None:
    put(folder, "a.jpg", "a.HEIC", "a.mov")
    assert [(one.check, one.file) for one in list_folder(folder).findings if one.severity == "error"] == [
        ("unsupported-image", "a.HEIC")
    ]


@pytest.mark.parametrize("name", ["a.jfif", "a.jpe", "a.JFIF"])
def test_other_suffixes_of_jpeg_are_taken_and_sent_under_a_right_name(folder: Path, name: str) -> None:
    (folder / name).write_bytes(distinct(1, image_format="JPEG"))
    (folder / "a.txt").write_text("a robot")
    found = preflight(folder, RULE, DatasetRequirements())
    assert [(one.check, one.severity) for one in found.findings] == [("misnamed", "warning")]
    assert found.captions == 1
