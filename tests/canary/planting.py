"""The secrets that are planted: unmistakable ones, with signs that every encoding changes."""

from __future__ import annotations

import re
from collections.abc import Iterable

from tests.storage.failing_proxy import Exchange
from tuneloop.emulator.replicate.fields import WEBHOOK_SECRET

SEGMIND_KEY = "canary/segmind+key=0Yk3vT8q"  # of no form that would be recognized: it is known, or it is shown
WRONG_KEY = "canary/wrong+key=9Zp4uX7w"
REPLICATE_KEY = "r8_CanaryOfReplicate0Kd5nS2mB6hV1cX9"
S3_KEY_ID = "AKIACANARYCANARY7Q3Z"
S3_SECRET = "canary/s3+secret/key+Lm8Rt2Vw5Yb1Nc4"
NEW_S3_KEY_ID = "AKIACANARYCANARY9W2X"
NEW_S3_SECRET = "canary/new+s3+secret/Pq6Tz3Hx8Jk1Vd"
WEBHOOK_PATH = "canary-webhook-path_Jq7Wd3Ez9"
BAD_KEYS = {kind: f"canary/{kind}+key=5Hg2Fs8D" for kind in ("echoing", "cutting", "redirecting", "untrusted")}
"""Keys of accounts whose provider misbehaves, by how it does."""

SECRETS = {
    "Segmind's key": SEGMIND_KEY,
    "the wrong key": WRONG_KEY,
    "Replicate's key": REPLICATE_KEY,
    "the id of the S3 key": S3_KEY_ID,
    "the S3 secret": S3_SECRET,
    "the id of the new S3 key": NEW_S3_KEY_ID,
    "the new S3 secret": NEW_S3_SECRET,
    "the webhook's path": WEBHOOK_PATH,
    "the webhook's secret": WEBHOOK_SECRET,
    **{f"the key of {kind}": key for kind, key in BAD_KEYS.items()},
}

_SIGNATURE = re.compile(rb"(?:Signature|sig)=([0-9a-f]{64})")


def signatures_in(exchanges: Iterable[Exchange]) -> set[bytes]:
    """Every signature that went over a wire, in a header, an address or an answer."""
    return {found for exchange in exchanges for part in exchange for found in _SIGNATURE.findall(part)}
