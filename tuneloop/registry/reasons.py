"""A person's reason, as it is kept for ever: one line that can be shown anywhere."""

from __future__ import annotations

import re

from tuneloop.errors import ConfigurationError
from tuneloop.redaction import redact

LONGEST_REASON = 2000
"""Characters. It is shown in every table, page and message that tells of the decision."""

_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""What would move a terminal's cursor, turn the text around it, or not be written at all."""


def clean_reason(text: str) -> str:
    """Bring a reason into the form in which it is kept: one line, without control characters and keys.

    Raises:
        ConfigurationError: It says nothing, or far too much.
    """
    reason = " ".join(_UNSEEN.sub(" ", redact(text)).split())
    if not reason:
        raise ConfigurationError("the reason is empty; say why, for it is kept in the record")
    if len(reason) > LONGEST_REASON:
        raise ConfigurationError(
            f"the reason has {len(reason):,} characters and may have {LONGEST_REASON:,}; say the rest elsewhere"
        )
    return reason
