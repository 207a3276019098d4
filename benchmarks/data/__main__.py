"""What moving images and weights costs, beside what others would use and what the machine allows.

`make bench-data`, or `python -m benchmarks.data [--full] [--only ROW] [--json FILE]`. Everyone does the same work
in turn, each run in a process of its own, and the fastest run counts. Below 5 minutes, 6 GB of disk.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path

from rich.console import Console

from benchmarks.data import rows
from benchmarks.data.bucket import Bucket
from benchmarks.data.ceph_gateway import ceph_gateway
from benchmarks.data.report import Row, table_of

_LOCAL: dict[str, Callable[[Path], Row]] = {
    "zip": rows.zip_to_disk,
    "image_check": rows.image_check,
    "base64_json": rows.base64_json,
    "unchanged_2000_local": rows.unchanged_on_disk,
}
_WITH_BUCKET: dict[str, Callable[[Path, Bucket], Row]] = {
    "zip_to_presigned_put": rows.zip_to_presigned_put,
    "url_to_s3": rows.url_to_s3,
    "unchanged_2000_s3": rows.unchanged_on_s3,
}
_ONLY_FULL: dict[str, Callable[[Path, Bucket], Row]] = {"url_to_s3_5_gb": rows.large_url_to_s3}


def main() -> None:
    """Measure, print a table, and write the figures down."""
    arguments = _arguments()
    full = arguments.full or arguments.only in _ONLY_FULL
    with_bucket = _WITH_BUCKET | (_ONLY_FULL if full else {})
    names = [name for name in (*_LOCAL, *with_bucket) if arguments.only in {None, name}]
    measured = []
    with ExitStack() as stack:
        console = Console()

        @cache
        def bucket() -> Bucket:
            console.print("starting a Ceph gateway")
            return stack.enter_context(_bucket(8 << 30 if full else 3 << 30))

        for name in names:
            console.print(name)
            with tempfile.TemporaryDirectory(prefix="bench-data-") as folder:
                work = Path(folder)
                row = _LOCAL[name](work) if name in _LOCAL else with_bucket[name](work, bucket())
            measured.append(row)
            if name == "image_check":
                console.print(rows.near_duplicates())
    console.print(table_of(measured))
    if arguments.json:
        figures = {"rows": [row.figures() for row in measured]}
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench-data")
    parser.add_argument(
        "--full", action="store_true", help="add weights of 5 GB (8 GB of disk, some minutes more)"
    )
    parser.add_argument("--only", choices=[*_LOCAL, *_WITH_BUCKET, *_ONLY_FULL], help="measure one row")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    return parser.parse_args()


@contextmanager
def _bucket(size_bytes: int) -> Iterator[Bucket]:
    with (
        tempfile.TemporaryDirectory(prefix="bench-ceph-") as folder,
        ceph_gateway(Path(folder), size_bytes) as made,
    ):
        yield Bucket(made)


if __name__ == "__main__":
    main()
