"""What can go wrong between a client and a provider, queued request by request.

To add a fault of one request: one word in `FaultKind`, one function in `fault_effects.py`. What
would concern every request (a list that lags, a word that differs) is no fault but a switch: `switches.py`.
"""

import json
import random
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from tuneloop.emulator.state import State

_TABLE = """CREATE TABLE IF NOT EXISTS faults (
    position INTEGER PRIMARY KEY, fault TEXT NOT NULL, hits INTEGER NOT NULL, matched INTEGER NOT NULL)"""

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
refuse: answer `status` in the provider's own words; the request has no effect.
fail_after_effect: the request takes effect, then `status` is answered in place of the real answer.
cut_before_effect, cut_after_effect: the connection breaks without a byte of an answer.
fail_before_late_effect, cut_before_late_effect: `status` is answered, or the connection breaks; the request
takes effect `delay_s` seconds later, on the emulator's clock.
slow: the request takes effect at once, its answer begins `delay_s` real seconds later.
truncate: the connection breaks after `after_bytes` bytes of the answer's body.

A status below 300 puts the provider's error body under a success; one of 300 to 399 points elsewhere.
"""
Padding = Literal["gzip", "plain"]


@dataclass(frozen=True)
class Fault:
    """A fault for the next `times` requests which match a method and a path prefix."""

    kind: FaultKind
    path: str = "/"
    """Prefix of the path, such as `/finetune/request/submit`."""
    method: str | None = None
    """Such as `POST`; None matches any."""
    times: int = 1
    status: int = 500
    """For `refuse`, `fail_after_effect` and `fail_before_late_effect`."""
    delay_s: float = 0.0
    """For `slow`, real seconds; for late effects, seconds of the emulator's clock."""
    after_bytes: int = 0
    """For `truncate`: bytes of the body that still go out."""
    chance: float = 1.0
    """Share of the matching requests that are hit, drawn from `seed`; the others pass and are not counted."""
    seed: int = 0
    reason: str = ""
    """Which of its meanings the status has, in the provider's terms (Segmind's 406: `credits`,
    `content type`, `parameter`, `spend limit`); any other text is answered as it stands."""

    body: Literal["own", "html"] = "own"
    """Of an answer with `status`: the provider's own error, or the HTML page of the gateway before it."""
    location: str = ""
    """Where a status of 300 to 399 points; empty for the path that was called."""
    padding_bytes: int = 0
    """Blanks that follow the answer's body, of any kind; JSON stays JSON with them."""
    padding: Padding = "gzip"
    """Whether the body goes out packed a thousand to one, or as it is."""
    drip_s: float = 0.0
    """Real seconds before each single byte of the answer's body, of any kind; 0 sends them together."""

    def __post_init__(self) -> None:
        """Refuse what would never hit.

        Raises:
            ValueError: for an unknown kind, a method that is not upper case, or numbers below their floor.
        """
        if self.kind not in get_args(FaultKind):
            known = ", ".join(get_args(FaultKind))
            raise ValueError(f"fault: unknown kind {self.kind!r}; choose one of {known}")
        if self.method is not None and self.method != self.method.upper():
            raise ValueError(f"fault: method {self.method!r} never matches; write it in upper case")
        if self.body not in ("own", "html") or self.padding not in get_args(Padding):
            raise ValueError(f"fault: {self} has no such body; body is own or html, padding gzip or plain")
        smallest = min(self.delay_s, self.after_bytes, self.padding_bytes, self.drip_s)
        if self.times < 1 or smallest < 0 or not 0 < self.chance <= 1:
            raise ValueError(f"fault: {self} never hits; times >= 1, delays and bytes >= 0, 0 < chance <= 1")

    def matches(self, method: str, path: str) -> bool:
        """Tell whether a request is one of those the fault waits for."""
        return self.method in (None, method) and path.startswith(self.path)


class FaultQueue:
    """First in, first out, among the faults that match."""

    def __init__(self, state: State) -> None:
        self._state = state
        state.create(_TABLE)

    def add(self, fault: Fault) -> None:
        """Queue a fault behind the others."""
        with self._state.transaction() as connection:
            connection.execute(
                "INSERT INTO faults (fault, hits, matched) VALUES (?, 0, 0)", (json.dumps(asdict(fault)),)
            )

    def take(self, method: str, path: str) -> Fault | None:
        """Return the fault this request meets, and count it; None if it passes."""
        with self._state.transaction() as connection:
            for row in connection.execute("SELECT * FROM faults ORDER BY position").fetchall():
                fault = Fault(**json.loads(row["fault"]))
                if row["hits"] >= fault.times or not fault.matches(method, path):
                    continue
                # Seeded by the number of the request, so that a run can be repeated exactly.
                hit = random.Random(f"{fault.seed}:{row['matched']}").random() < fault.chance
                connection.execute(
                    "UPDATE faults SET hits = hits + ?, matched = matched + 1 WHERE position = ?",
                    (int(hit), row["position"]),
                )
                if hit:
                    return fault
        return None

    def waiting(self) -> list[dict[str, Any]]:
        """Return the faults with hits left, as JSON, each with how often it `hits` so far."""
        with self._state.transaction() as connection:
            rows = connection.execute("SELECT * FROM faults ORDER BY position").fetchall()
        shown = [{**json.loads(row["fault"]), "hits": row["hits"]} for row in rows]
        return [fault for fault in shown if fault["hits"] < fault["times"]]

    def clear(self) -> None:
        """Drop every fault."""
        with self._state.transaction() as connection:
            connection.execute("DELETE FROM faults")
