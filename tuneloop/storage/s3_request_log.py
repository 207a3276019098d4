"""One line for every request to S3, where somebody wants to count them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from botocore.awsrequest import AWSPreparedRequest
    from mypy_boto3_s3 import S3Client

NOBODY = "-"
"""Who asks outside of a run."""


def log_requests(client: S3Client, file: Path, who: str) -> None:
    """Append a line to a file before each request of a client, those that are sent again included.

    Args:
        client: The client.
        file: Gets `WHO OPERATION PATH` per line, with the prefix in place of the path for lists. Never a query,
            which may hold a signature.
        who: Id of the flow run that asks.
    """

    def note(request: AWSPreparedRequest, event_name: str, **_: object) -> None:
        address = urlsplit(request.url)
        prefix = parse_qs(address.query).get("prefix")
        what = f"{address.path.rstrip('/')}/{prefix[0]}" if prefix else address.path
        line = f"{who} {event_name.rpartition('.')[2]} {what}\n"
        # One write of a short line to a file that is only appended to: processes do not cut each other's lines.
        with file.open("ab", buffering=0) as log:
            log.write(line.encode())

    client.meta.events.register("before-send.s3", note)


def counted(file: Path, who: str) -> Counter[str]:
    """How many requests of each operation somebody has sent, as far as `log_requests` has seen them."""
    if not file.is_file():
        return Counter()
    lines = (line.split(" ", 2) for line in file.read_text().splitlines())
    return Counter(operation for asker, operation, _ in lines if asker == who)
