"""Whether it is time to look, told from the clock alone: a tick remembers nothing of the one before."""

from __future__ import annotations

import hashlib
from datetime import datetime

from tuneloop.schemas.cadence import Cadence


def is_due(who: str, age_s: float, at: datetime, previous: datetime | None, cadence: Cadence) -> bool:
    """Tell whether a tick at this moment should ask.

    Time is cut into pauses, shifted for each one so that not all are asked at once. Whoever has passed the end of
    a pause since the tick before is asked; so every rhythm of the sensor asks everyone.

    Args:
        who: Name of the account or job that is asked about; its hash is the shift.
        age_s: How long it has been waited for.
        at: When the tick looks.
        previous: When the tick before looked; None where nobody knows, and then everyone is asked.
        cadence: The rhythm.
    """
    if previous is None:
        return True
    pause_s = cadence.pause_s(age_s)
    shift = int.from_bytes(hashlib.sha256(who.encode()).digest()[:4]) % max(1, int(pause_s))
    return (at.timestamp() + shift) // pause_s != (previous.timestamp() + shift) // pause_s
