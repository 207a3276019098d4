"""Digests that may never change: a changed one makes every user pay for a new training of an old dataset."""

from __future__ import annotations

import hashlib
from pathlib import Path

from tests.datasets.scanning import scan
from tuneloop.datasets.archive import DatasetArchive
from tuneloop.datasets.captions import CaptionRule
from tuneloop.datasets.store import store_images
from tuneloop.storage.local import LocalDirectory

from .images import JPEG, PNG, WEBP


def test_small_dataset_has_its_digest_and_its_archive_for_ever(folder: Path, store: LocalDirectory) -> None:
    rule = CaptionRule(trigger_word="TEABOT", instance_prompt=None, provider_captions=True)
    (folder / "a.jpg").write_bytes(JPEG)
    (folder / "a.txt").write_bytes(b"\xef\xbb\xbfa  cup\r\n")
    (folder / "b.PNG").write_bytes(PNG)
    (folder / "b.txt").write_bytes("ein Täßchen für TEABOT".encode())
    (folder / "c.webp").write_bytes(WEBP)
    scanned = scan(folder, rule)
    store_images(scanned.manifest, scanned.files, store)
    archive = DatasetArchive(scanned.manifest, store)
    packed = b"".join(archive.chunks())
    assert scanned.manifest.digest == "01ff9cbdf47ed6ecc6c285e7b5bf81fb0f2c7ca144885f1ec2006c23583b27e5"
    assert hashlib.sha256(packed).hexdigest() == "3351b0ee013867bfe36c344cc8f019029299380fcf5667e8927626c6bd42abfe"
    assert len(packed) == archive.size_bytes == 901
