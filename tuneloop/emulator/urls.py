"""Presigned URLs in the styles of S3 and Azure.

Signatures cover method, path and expiry, so a URL made for a PUT does not GET, and one made for another
object opens nothing. They are not Amazon's algorithm: no client computes them, clients only carry them.
"""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal
from urllib.parse import urlencode

from tuneloop.emulator.clock import iso_utc

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


def sign_blob(method: str, path: str, until: float) -> str:
    """Return the query string of an Azure-style URL (`se`, `sp`, `sig`), valid until a time."""
    end = iso_utc(until)
    return urlencode({"se": end, "sp": "r", "sig": _signature(method, path, end)})


def check(method: str, path: str, query: Mapping[str, str], now: float) -> Verdict:
    """Judge the query of a request, in any style."""
    if "X-Amz-Signature" in query:
        theirs, signed = query["X-Amz-Signature"], [query.get("X-Amz-Date", ""), query.get("X-Amz-Expires", "")]
    elif "Signature" in query:
        theirs, signed = query["Signature"], [query.get("Expires", "")]
    elif "sig" in query:
        theirs, signed = query["sig"], [query.get("se", "")]
    else:
        return "unsigned"
    # The signature before what it signs: only ours is known to hold a time that can be read.
    if not hmac.compare_digest(_signature(method, path, *signed).encode(), theirs.encode()):
        return "wrong signature"
    return "valid" if _is_fresh(signed, now) else "expired"


def _is_fresh(signed: list[str], now: float) -> bool:
    if len(signed) > 1:
        return now < datetime.strptime(signed[0], _STAMP).replace(tzinfo=UTC).timestamp() + int(signed[1])
    return now < int(signed[0]) if signed[0].isdecimal() else iso_utc(now) <= signed[0]


def _signature(*signed: str) -> str:
    return hmac.new(_SECRET, "\n".join(signed).encode(), hashlib.sha256).hexdigest()
