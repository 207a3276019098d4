"""What can go wrong between a client and a provider, queued request by request.

To add a fault of one request: one word in `FaultKind`, one `case` in `apply`. What
would concern every request (a list that lags, a status that differs) is a switch: `switches.py`.
"""

from dataclasses import asdict
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from tuneloop.emulator.jobs import Seconds
from tuneloop.emulator.state import State
from tuneloop.emulator.switches import Count

_SETTING = "faults"

FaultKind = Literal[
    "answer",
    "refuse",
    "fail_after_effect",
    "fail_before_late_effect",
    "cut_before_effect",
    "cut_after_effect",
    "cut_before_late_effect",
    "slow",
    "truncate",
]
"""
answer: the request takes effect and is answered as ever, but for what `drip_s` and `padding_bytes` say.
refuse: respond with `status` in the provider's own words; the request has no effect.
fail_after_effect: the request takes effect, then `status` goes out in place of the real response.
cut_before_effect, cut_after_effect: the connection breaks without a byte of a response.
fail_before_late_effect, cut_before_late_effect: `status` goes out, or the connection breaks; the request
takes effect `delay_s` seconds later, on the emulator's clock.
slow: the request takes effect at once, its response begins `delay_s` real seconds later.
truncate: the connection breaks after `after_bytes` bytes of the response's body.

A status below 300 puts the provider's error body under a success; one of 300 to 399 redirects.
"""
Padding = Literal["gzip", "plain"]


@dataclass(frozen=True, config=ConfigDict(strict=True, extra="forbid"))
class Fault:
    """A fault for the next `times` requests which match a method and a path prefix.

    Raises:
        ValueError: for an unknown kind or body, a method that is not upper case, or a number that is too small:
            such a fault would never hit.
    """

    kind: FaultKind
    path: str = "/"
    """Prefix of the path, such as `/finetune/request/submit`."""
    method: Annotated[str, Field(pattern="^[A-Z]+$")] | None = None
    """Such as `POST`; None matches any."""
    times: Annotated[int, Field(ge=1)] = 1
    status: int = 500
    """For `refuse`, `fail_after_effect` and `fail_before_late_effect`."""
    delay_s: Seconds = 0.0
    """For `slow`, real seconds; for late effects, seconds of the emulator's clock."""
    after_bytes: Count = 0
    """For `truncate`: bytes of the body that still go out."""
    reason: str = ""
    """Which of its meanings the status has, in the provider's terms (for a 406, such as `credits`,
    `content type`, `parameter`, `spend limit`); any other text goes out as it stands."""

    body: Literal["own", "html"] = "own"
    """Of a response with `status`: the provider's own error, or the HTML page of the gateway before it."""
    location: str = ""
    """Where a status of 300 to 399 points; empty for the path that was called."""
    padding_bytes: Count = 0
    """Blanks that follow the response's body, of any kind; JSON stays JSON with them."""
    padding: Padding = "gzip"
    """Whether the body goes out packed a thousand to one, or as it is."""
    drip_s: Seconds = 0.0
    """Real seconds before each single byte of the response's body, of any kind; 0 sends them together."""

    def matches(self, method: str, path: str) -> bool:
        return self.method in (None, method) and path.startswith(self.path)


class FaultQueue:
    """First in, first out, among the faults that match; each with how often it `hits` so far."""

    def __init__(self, state: State) -> None:
        self._state = state

    def add(self, fault: Fault) -> None:
        with self._state.transaction():
            self._state.set_setting(_SETTING, [*self.waiting(), {**asdict(fault), "hits": 0}])

    def take(self, method: str, path: str) -> Fault | None:
        """Return the fault this request meets, and count it; None if it passes."""
        with self._state.transaction():
            queue = self.waiting()
            for entry in queue:
                fault = Fault(**{name: value for name, value in entry.items() if name != "hits"})
                if fault.matches(method, path):
                    entry["hits"] += 1
                    self._state.set_setting(_SETTING, queue)
                    return fault
        return None

    def waiting(self) -> list[dict[str, Any]]:
        return [entry for entry in self._state.setting(_SETTING) or [] if entry["hits"] < entry["times"]]

    def clear(self) -> None:
        self._state.set_setting(_SETTING, [])
