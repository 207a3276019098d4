"""Keeps what opens a bucket out of boto3's log lines, which land in a run's log where somebody asks for them."""

from __future__ import annotations

import logging

from tuneloop.redaction import guard_http_logs

_TELL_TOO_MUCH = (
    # Headers with key id, session token and signature, and what is signed.
    "botocore.auth",
    "botocore.endpoint",
    # Whole answers: those of AWS STS, SSO and of the instance are credentials.
    "botocore.parsers",
    "botocore.utils",
    "botocore.tokens",
)


class _NoDebug(logging.Filter):
    """Drops lines at DEBUG; the library has no other level for them."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno > logging.DEBUG


def guard_s3_logs() -> None:
    """Let boto3 log nothing from which a request could be made again."""
    guard_http_logs()
    for name in _TELL_TOO_MUCH:
        logger = logging.getLogger(name)
        if not any(isinstance(item, _NoDebug) for item in logger.filters):
            logger.addFilter(_NoDebug())
