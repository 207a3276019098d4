from __future__ import annotations

import pytest

from tuneloop.datasets.files import awaited_file, is_system_file


@pytest.mark.parametrize(
    "name",
    [
        "$RECYCLE.BIN", "RECYCLER", "#recycle", "@Recycle", "_recycle", "Recycle Bin", "Recycle Bin - Volume_1",
        ".Recycle.Bin", ".Trash-1000", "Network Trash Folder", "trashbox", "@eaDir", "#snapshot",
        "@Recently-Snapshot", "lost+found", "System Volume Information", "__MACOSX", "._a.jpg", ".DS_Store",
        "Icon\r", "Thumbs.db", "ehthumbs.db", "Desktop.ini", "a.jpg:Zone.Identifier", "files_trashbin",
    ],
)  # fmt: skip
def test_what_systems_leave_behind_is_known(name: str) -> None:
    assert is_system_file(name)


@pytest.mark.parametrize(
    "name", ["a.jpg", "trash", "recycle", "bin", "trash bins", "@anna", "#1", "_x", "icon", ".", "..", "a.part"]
)
def test_what_people_name_themselves_is_theirs(name: str) -> None:
    assert not is_system_file(name)


@pytest.mark.parametrize(
    ("name", "stands_for"),
    [
        (".IMG_3.jpg.icloud", "IMG_3.jpg"),
        ("a.png.nextcloud", "a.png"),
        ("a.jpg.crdownload", "a.jpg"),
        ("a.jpg.part", "a.jpg"),
        (".a.jpg.swp", None),
        ("icloud", None),
    ],
)
def test_placeholder_of_a_file_in_the_cloud_is_neither_hidden_nor_the_file(
    name: str, stands_for: str | None
) -> None:
    assert awaited_file(name) == stands_for
    assert is_system_file(name) == (name == ".a.jpg.swp")
