"""Our packer into a presigned PUT."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from benchmarks.data.entrants.packing import packing
from tuneloop.errors import ProviderError, RequestRejected
from tuneloop.http.response import Response
from tuneloop.http.transport import Transport


def into_put(folder: str, url: str) -> Callable[[], None]:
    """Pack straight into a presigned PUT."""
    pack = packing(Path(folder))
    transport = Transport("bench", "http://127.0.0.1", ("x-key", "", "none"), _refused)

    def work() -> None:
        archive = pack()
        transport.put_stream(url, archive.chunks(), archive.size_bytes)

    return work


def _refused(answer: Response) -> ProviderError:
    return RequestRejected("the gateway refused", **answer.details)
