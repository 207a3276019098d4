"""How long a provider is waited for, and how often it is asked."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Patience:
    """Limits of one request.

    Attributes:
        tries: How often a GET or HEAD is sent at most. POST and PUT are sent once.
        connect_s: For connecting.
        read_s: For the next byte.
        answer_s: For an answer that is read whole, from the request's last byte to its own.
    """

    tries: int = 4
    connect_s: float = 10.0
    read_s: float = 60.0
    answer_s: float = 120.0


RUN = Patience()
"""For a flow run, which has nothing better to do than to wait."""
TICK = Patience(tries=1, connect_s=5.0, read_s=15.0, answer_s=15.0)
"""For a tick of the sensor: other accounts wait behind it, and the next tick asks again."""
