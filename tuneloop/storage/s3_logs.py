"""Keep secrets out of boto3's log lines, and log a store's requests for counting."""

from __future__ import annotations

import logging
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from botocore.awsrequest import AWSPreparedRequest

from tuneloop.redaction import guard_http_logs

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

NO_RUN = "-"
"""In place of a run's id, outside of runs."""
_NOISY = (
    # Headers with key id, session token and signature, and what is signed.
    "botocore.auth",
    "botocore.endpoint",
    # Whole responses: those of AWS STS, SSO and of the instance are credentials.
    "botocore.parsers",
    "botocore.utils",
    "botocore.tokens",
)


def _above_debug(record: logging.LogRecord) -> bool:
    return record.levelno > logging.DEBUG


def guard_s3_logs() -> None:
    """Let boto3 log nothing from which a request could be made again."""
    guard_http_logs()
    for name in _NOISY:
        logging.getLogger(name).addFilter(_above_debug)


def log_requests(client: S3Client, file: Path, run_id: str) -> None:
    """Append a line to a file before each request of a client, those that are sent again included.

    It is `RUN OPERATION PATH`, with the prefix in place of the path for lists. Never a query, which may hold a
    signature.
    """

    def note(request: AWSPreparedRequest, event_name: str, **_: object) -> None:
        address = urlsplit(request.url)
        prefix = parse_qs(address.query).get("prefix")
        what = f"{address.path.rstrip('/')}/{prefix[0]}" if prefix else address.path
        line = f"{run_id} {event_name.rpartition('.')[2]} {what}\n"
        # One write of a short line to a file that is only appended to: processes do not cut each other's lines.
        with file.open("ab", buffering=0) as log:
            log.write(line.encode())

    client.meta.events.register("before-send.s3", note)


def count_requests(file: Path, run_id: str) -> Counter[str]:
    """Requests of each operation that a run has sent, as far as `log_requests` has seen them."""
    if not file.is_file():
        return Counter()
    lines = (line.split(" ", 2) for line in file.read_text().splitlines())
    return Counter(operation for each, operation, _ in lines if each == run_id)
