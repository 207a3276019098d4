"""Whether it is time to look, told from the clock alone: a tick remembers nothing of the one before."""

from __future__ import annotations

import hashlib
from datetime import datetime

from tuneloop.values.cadence import Cadence

_TICK_S = 60.0
_SLACK_S = 30.0


def is_due(who: str, age_s: float, at: datetime, cadence: Cadence) -> bool:
    """Tell whether a tick at this moment should ask.

    Time is cut into pauses, shifted for each one so that not all are asked at once; the first tick within a pause
    asks. A tick that comes late may find the moment gone, and the next pause has another one.

    Args:
        who: Name of the account or job that is asked about; its hash is the shift.
        age_s: How long it has been waited for.
        at: When the tick looks.
        cadence: The rhythm.
    """
    pause_s = cadence.pause_s(age_s)
    if pause_s <= _TICK_S + _SLACK_S:
        return True
    shift = int.from_bytes(hashlib.sha256(who.encode()).digest()[:4]) % int(pause_s)
    return (at.timestamp() + shift) % pause_s < _TICK_S + _SLACK_S
