from __future__ import annotations

import json

import pytest

from tuneloop.dataset.inspection_cache import keep, load
from tuneloop.storage.local_directory import LocalDirectory
from tuneloop.values.picture_facts import PictureFacts

SOURCE = "s3://bucket/folder with spaces/"


def facts(number: int, **others: object) -> PictureFacts:
    return PictureFacts.model_validate(
        {
            "sha256": f"{number:064x}",
            "size_bytes": 10,
            "width_px": 4,
            "height_px": 3,
            "format": "png",
            "mode": "RGB",
            "alpha": False,
            "bits": 8,
            "perceptual_hash": (1 << 64) - 1 - number,
            "sharpness": 0.1 + number,
            "mean": 3.3,
            "spread": 2.2,
            **others,
        }
    )


def names(store: LocalDirectory) -> list[str]:
    return [name.rsplit("/", 1)[1] for name in store.names("inspections/")]


def test_what_was_kept_comes_back_to_the_bit(store: LocalDirectory) -> None:
    one, two = facts(1), facts(2, profile="P3 Ünïcode", orientation=6, trailing_bytes=3)
    keep(store, SOURCE, [two, one], load(store, SOURCE))
    assert load(store, SOURCE).facts == {one.sha256: one, two.sha256: two}
    assert load(store, "another source").facts == {}


def test_nothing_is_written_where_nothing_is_new(store: LocalDirectory) -> None:
    keep(store, SOURCE, [], load(store, SOURCE))
    assert names(store) == []
    keep(store, SOURCE, [facts(1), facts(2)], load(store, SOURCE))
    keep(store, SOURCE, [facts(1), facts(2)], load(store, SOURCE))
    keep(store, SOURCE, [facts(2)], load(store, SOURCE))
    assert names(store) == ["0001.json"]


def test_next_number_holds_all_pictures_of_the_scan_and_no_others(store: LocalDirectory) -> None:
    keep(store, SOURCE, [facts(1), facts(2)], load(store, SOURCE))
    keep(store, SOURCE, [facts(2), facts(3)], load(store, SOURCE))
    assert names(store) == ["0001.json", "0002.json"]
    assert sorted(load(store, SOURCE).facts) == [facts(2).sha256, facts(3).sha256]


def test_changed_facts_of_the_same_content_are_new(store: LocalDirectory) -> None:
    keep(store, SOURCE, [facts(1)], load(store, SOURCE))
    keep(store, SOURCE, [facts(1, sharpness=9)], load(store, SOURCE))
    assert load(store, SOURCE).facts[facts(1).sha256].sharpness == 9


def test_only_the_highest_number_is_read(store: LocalDirectory) -> None:
    keep(store, SOURCE, [facts(1)], load(store, SOURCE))
    (first,) = store.names("inspections/")
    data = store.read(first)
    for number in ("9999", "10000"):
        store.create(first.replace("0001", number), data.replace(b"3.3", number[:2].encode()))
    store.create(first.replace("0001.json", "notes.txt"), b"99999")
    assert load(store, SOURCE).facts[facts(1).sha256].mean == 10
    keep(store, SOURCE, [facts(2)], load(store, SOURCE))
    assert "10001.json" in names(store)


@pytest.mark.parametrize("damage", ["empty", "cut", "list", "older", "newer", "unknown field", "missing field"])
def test_what_cannot_be_read_is_looked_at_again(store: LocalDirectory, damage: str) -> None:
    keep(store, SOURCE, [facts(1)], load(store, SOURCE))
    (first,) = store.names("inspections/")
    data = store.read(first)
    content = json.loads(data)
    spoiled = {
        "empty": b"",
        "cut": data[:-9],
        "list": b"[]",
        "older": json.dumps({**content, "checks": 0}).encode(),
        "newer": json.dumps({**content, "checks": 99}).encode(),
        "unknown field": json.dumps({**content, "colour": "red"}).encode(),
        "missing field": data.replace(b'"mean":3.3,', b""),
    }
    store.create(first.replace("0001", "0002"), spoiled[damage])
    assert load(store, SOURCE).facts == {}
    keep(store, SOURCE, [facts(1)], load(store, SOURCE))
    assert names(store) == ["0001.json", "0002.json", "0003.json"]
    assert list(load(store, SOURCE).facts) == [facts(1).sha256]


class Overtaken(LocalDirectory):
    """A store in which somebody else takes a number just before."""

    def create(self, name: str, data: bytes) -> bool:
        super().create(name, data.replace(b"3.3", b"7.7"))
        return super().create(name, data)


def test_taken_number_is_somebody_elses_and_fine(store: LocalDirectory) -> None:
    keep(Overtaken(store._folder), SOURCE, [facts(1)], load(store, SOURCE))
    assert load(store, SOURCE).facts[facts(1).sha256].mean == 7.7
    assert names(store) == ["0001.json"]


def test_address_of_the_source_is_in_no_name(store: LocalDirectory) -> None:
    source = "https://host/zip?Signature=secret"
    keep(store, source, [facts(1)], load(store, source))
    assert not [name for name in store.names("") if "secret" in name or "host" in name]
    assert b"secret" not in store.read(next(iter(store.names("inspections/"))))
