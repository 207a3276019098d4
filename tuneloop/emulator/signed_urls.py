"""Presigned URLs in the two query styles of S3, signed with the emulator's own secret.

Signatures cover method, path and expiry, so a URL made for a PUT does not GET, and one made for another
object opens nothing. They are not Amazon's algorithm: no client computes them, clients only carry them.
"""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal
from urllib.parse import urlencode

_ACCESS_KEY = "TUNELOOPEMULATOR"
_SECRET = b"not a secret: the emulator signs for itself"
_STAMP = "%Y%m%dT%H%M%SZ"

Verdict = Literal["valid", "unsigned", "expired", "wrong signature"]


def sign_v4(method: str, path: str, now: float, valid_s: int) -> str:
    """Return the query string of a SigV4-style URL (`X-Amz-Algorithm`, …, `X-Amz-Signature`)."""
    stamp = datetime.fromtimestamp(now, UTC).strftime(_STAMP)
    return urlencode(
        {
            "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
            "X-Amz-Credential": f"{_ACCESS_KEY}/{stamp[:8]}/us-east-1/s3/aws4_request",
            "X-Amz-Date": stamp,
            "X-Amz-Expires": str(valid_s),
            "X-Amz-SignedHeaders": "host",
            "X-Amz-Signature": _signature(method, path, stamp, str(valid_s)),
        }
    )


def sign_v2(method: str, path: str, now: float, valid_s: int) -> str:
    """Return the query string of a SigV2-style URL (`AWSAccessKeyId`, `Signature`, `Expires`)."""
    expires = str(int(now) + valid_s)
    signature = _signature(method, path, expires)
    return urlencode({"AWSAccessKeyId": _ACCESS_KEY, "Signature": signature, "Expires": expires})


def check(method: str, path: str, query: Mapping[str, str], now: float) -> Verdict:
    """Judge the query of a request, in either style."""
    if "X-Amz-Signature" in query:
        stamp, valid_s = query.get("X-Amz-Date", ""), query.get("X-Amz-Expires", "")
        if not _same(_signature(method, path, stamp, valid_s), query["X-Amz-Signature"]):
            return "wrong signature"
        begun = datetime.strptime(stamp, _STAMP).replace(tzinfo=UTC).timestamp()
        return "valid" if now < begun + int(valid_s) else "expired"
    if "Signature" in query:
        expires = query.get("Expires", "")
        if not _same(_signature(method, path, expires), query["Signature"]):
            return "wrong signature"
        return "valid" if now < int(expires) else "expired"
    return "unsigned"


def _signature(*signed: str) -> str:
    return hmac.new(_SECRET, "\n".join(signed).encode(), hashlib.sha256).hexdigest()


def _same(ours: str, theirs: str) -> bool:
    return hmac.compare_digest(ours.encode(), theirs.encode())
