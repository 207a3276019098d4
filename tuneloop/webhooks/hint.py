"""What is kept of one call: where to look. Its claims about a job's state are not even read."""

from __future__ import annotations

import hashlib
import json
import re
from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any, Literal

from tuneloop.schemas.records import Record
from tuneloop.schemas.training import Account

Outcome = Literal["settled", "moving", "unknown", "unreached"]
"""What a look at a hint's job came to.

settled: the job has ended, or nobody waits for it.
moving: the provider shows it as not ended yet.
unknown: neither the provider nor the ledger shows such a job.
unreached: the provider, the store or the Prefect server did not answer as they should.
"""

SAME_CALL = timedelta(seconds=30)
"""Equal bodies without an event's id count as one call within such a span. Beyond it they are two: a body that
names only the job is the same for each of its stages."""

_ID_KEYS = ("finetune_id", "request_id", "task_id", "id")
"""Keys under which a job's id was seen, the plainest first: `id` alone may be the call's own."""
_EVENT_KEYS = ("event_id", "webhook_event_id")
OUR_NAME = re.compile(r"[0-9a-f]{16}-g[1-9][0-9]{0,5}")
"""Form of the names under which our jobs are submitted."""
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")
_MOST_NAMED = 4
"""Ids and names that are taken from one call: each costs a question."""
_MOST_VALUES = 20_000


class Hint(Record):
    """A provider has called about something. Only where to look is kept of it."""

    account: Account
    """The account whose path was called."""
    event: str
    """Sha256 of what makes this call the same as another one, 64 hex digits."""
    ids: tuple[str, ...]
    """What may be the provider's ids of a job."""
    names: tuple[str, ...]
    """What may be names of our jobs."""

    @property
    def stem(self) -> str:
        """Its name within the store, without an ending."""
        return f"{folder_of(self.account.slug, self.created_at)}{self.event}"

    @property
    def about(self) -> str:
        """What it names, for a log line."""
        return ", ".join([*self.names, *self.ids]) or "no job in particular"


class HintDone(Record):
    """A hint was followed to its end."""

    outcome: Outcome
    """What the last look came to."""


def folder_of(account_slug: str, day: datetime) -> str:
    """Where one day's hints of an account are: a start lists two days, whatever has come in before."""
    return f"hints/{account_slug}/{day:%Y-%m-%d}/"


def read_hint(account: Account, body: bytes, at: datetime) -> Hint:
    """Take from a body where to look. A body that cannot be read is a hint about no job in particular.

    Args:
        account: Whose path was called.
        body: The raw body.
        at: When it came in (UTC).
    """
    found = _strings_by_key(body)
    ids = _some(_ID, [value for key in _ID_KEYS for value in found[key]])
    names = _some(OUR_NAME, found["name"])
    event = next((value for key in _EVENT_KEYS for value in found[key]), None)
    if event is None:
        span = int(at.timestamp() // SAME_CALL.total_seconds())
        identity = f"body {hashlib.sha256(body).hexdigest()} {span}"
    else:
        # With the job in it: a made-up call cannot use up the event's id for a true one about another job.
        identity = f"event {event} {ids} {names}"
    digest = hashlib.sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()
    return Hint(created_at=at, account=account, event=digest, ids=ids, names=names)


def _some(pattern: re.Pattern[str], values: list[str]) -> tuple[str, ...]:
    fitting = dict.fromkeys(value for value in values if pattern.fullmatch(value))
    return tuple(fitting)[:_MOST_NAMED]


def _strings_by_key(body: bytes) -> dict[str, list[str]]:
    """Every string of a JSON body by its key, the outermost first; nothing where it is no JSON."""
    found: dict[str, list[str]] = defaultdict(list)
    try:
        level: list[Any] = [json.loads(body)]
    except (ValueError, RecursionError):
        return found
    seen = 0
    while level and seen < _MOST_VALUES:
        inner: list[Any] = []
        for value in level:
            seen += 1
            if isinstance(value, dict):
                for key, item in value.items():
                    if isinstance(item, str):
                        found[key].append(item)
                inner += value.values()
            elif isinstance(value, list):
                inner += value
        level = inner
    return found
