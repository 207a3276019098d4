"""Where something may come out: files, databases, stores, processes. Each gives its pieces, to be searched."""

from __future__ import annotations

import json
import re
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from tests.canary.searching import Piece

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_PAUSE_S = 0.1


def files(folder: Path, *left_out: str) -> Iterator[Piece]:
    """Every file below a folder, but for some parts of it: its bytes, whatever they are."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and not name.startswith(left_out):
            yield Piece(name, path.read_bytes())


def rows(database: Path) -> Iterator[Piece]:
    """Every row of every table of a SQLite database. In the file a long value is cut into pieces."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        connection.text_factory = bytes
        tables = [
            name.decode() for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        ]
        for table in tables:
            for row in connection.execute(f'SELECT * FROM "{table}"'):  # noqa: S608 - a name of its own
                yield Piece(table, b"\0".join(map(_bytes, row)))


def _bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


def objects(client: S3Client, bucket: str) -> Iterator[Piece]:
    """Every object of a bucket: key, body, headers with metadata, tags. And unfinished uploads, by their names."""
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for item in page.get("Contents", ()):
            key = {"Bucket": bucket, "Key": item["Key"]}
            got = client.get_object(**key)  # type: ignore[arg-type]
            tags = client.get_object_tagging(**key)["TagSet"]  # type: ignore[arg-type]
            said = json.dumps([got["ResponseMetadata"]["HTTPHeaders"], got["Metadata"], tags])
            yield Piece(item["Key"], got["Body"].read() + b"\0" + said.encode())
    for upload in client.list_multipart_uploads(Bucket=bucket).get("Uploads", ()):
        yield Piece(f"unfinished {upload['Key']}", upload["UploadId"].encode())


class Processes:
    """What the system shows of processes: arguments and environments, as often as they change."""

    def __init__(self) -> None:
        self._seen: set[tuple[int, bytes, bytes]] = set()

    @property
    def pieces(self) -> list[Piece]:
        seen = sorted(self._seen)
        return [Piece("arguments", each[1]) for each in seen] + [Piece("environment", each[2]) for each in seen]

    @property
    def count(self) -> int:
        return len({pid for pid, *_ in self._seen})

    def look(self) -> None:
        """Note what all processes below this one show."""
        for process in psutil.Process().children(recursive=True):
            folder = Path("/proc", str(process.pid))
            with suppress(OSError):
                found = (folder / "cmdline").read_bytes(), (folder / "environ").read_bytes()
                self._seen.add((process.pid, *found))


@contextmanager
def watched_processes() -> Iterator[Processes]:
    """Look at the processes below this one again and again."""
    found, over = Processes(), threading.Event()

    def watch() -> None:
        while not over.wait(_PAUSE_S):
            found.look()

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield found
    finally:
        over.set()
        thread.join()


def requests_in(sent: Iterable[bytes]) -> Iterator[Piece]:
    """What a host was sent, by method and path."""
    for request in sent:
        line = request.split(b"\r\n", 1)[0].decode("latin-1")
        yield Piece(re.split(r"\?| HTTP/", line)[0], request)
