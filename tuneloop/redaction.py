"""Takes secrets out of text before anybody can read it."""

from __future__ import annotations

import logging
import re

EXCERPT_LIMIT = 300

_RULES = (
    # Query strings hold the signatures of presigned URLs.
    (re.compile(r"(https?://[^\s\"'<>?]+)\?[^\s\"'<>]+"), r"\1?…"),
    (re.compile(r"(?i)\b(X-Amz-[A-Za-z-]+|Signature|AWSAccessKeyId|Expires)=[^&\s\"'<>]+"), r"\1=…"),
    # Some providers echo a whole upload in their error body.
    (re.compile(r"[A-Za-z0-9+/=_-]{200,}"), "…"),
)


KEYS: list[re.Pattern[str]] = []
"""What providers' API keys look like. `tuneloop.providers.registry` fills it."""


def redact(text: str, secrets: tuple[str, ...] = ()) -> str:
    """Take keys, signed queries and echoed uploads out of a text.

    Args:
        text: Any text, such as a response's body.
        secrets: Values that must not be shown, whatever they look like.
    """
    for secret in secrets:
        if secret:
            text = text.replace(secret, "…")
    for pattern in KEYS:
        text = pattern.sub("…", text)
    for pattern, shown in _RULES:
        text = pattern.sub(shown, text)
    return text


def excerpt(body: bytes, secrets: tuple[str, ...] = ()) -> str:
    """The redacted beginning of a response's body, on one line.

    A piece of the body is decoded that is far longer than what is shown, so that a secret at the cut is seen
    whole and taken out.
    """
    text = body[: EXCERPT_LIMIT * 40].decode("utf-8", "replace")
    # A terminal obeys control characters.
    text = "".join(sign if sign.isprintable() else " " for sign in redact(text, secrets))
    line = " ".join(text.split())
    return line if len(line) <= EXCERPT_LIMIT else line[:EXCERPT_LIMIT] + "…"


class _RedactingFilter(logging.Filter):
    """Redacts records in place: urllib3 logs whole addresses at DEBUG, signatures included."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = redact(_without_queries(record.getMessage()))
        record.args = ()
        return True


def _without_queries(message: str) -> str:
    """Cut every query: the library logs paths without their host, which no other rule knows as addresses."""
    return re.sub(r"\?[^\s\"'<>)]+", "?…", message)


def guard_http_logs() -> None:
    """Keep signed addresses out of libraries' own log lines. A filter does not reach child loggers.

    Open_clip logs what the hub says straight to the root logger, and the hub's client speaks through httpx.
    """
    for name in ("urllib3.connectionpool", "urllib3.util.retry", "urllib3.response", "httpx", "root"):
        logger = logging.getLogger(name)
        if not any(isinstance(item, _RedactingFilter) for item in logger.filters):
            logger.addFilter(_RedactingFilter())
