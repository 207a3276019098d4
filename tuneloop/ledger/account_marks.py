"""What is remembered of an account between looks: pauses that it asked for, and since when something is wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tuneloop.ledger.ledger import PAUSES, TROUBLES, Ledger

LONGEST_PAUSE = timedelta(hours=1)
"""An account is never left alone for longer, whatever its provider says."""
UNREACHED = "unreached"
"""The trouble of an account that could not be asked. Every other one is called after the job that it is about."""
TOLD_AFTER = timedelta(hours=1)
"""An account that could not be asked for so long is for a person."""


class AccountMarks:
    """Marks beside the markers of one account.

    Args:
        ledger: Where they are.
        account: Slug of the account.
    """

    def __init__(self, ledger: Ledger, account: str) -> None:
        self._store = ledger.store
        self._pauses = f"inflight/{account}/{PAUSES}/"
        self._troubles = f"inflight/{account}/{TROUBLES}/"

    def pause(self, at: datetime, seconds: float) -> datetime:
        """Remember that the account is not to be asked for some time, because its provider said so.

        Returns:
            Until when: after an hour at the latest, whatever a header says.
        """
        until = at + timedelta(seconds=min(LONGEST_PAUSE.total_seconds(), max(1.0, seconds)))
        self._store.create(f"{self._pauses}{int(until.timestamp())}", b"")
        return until

    def paused_until(self, at: datetime) -> datetime | None:
        """Until when the account is not to be asked, None where it may be. Forgets what is over or too far off."""
        latest = None
        for name in self._store.names(self._pauses):
            if (until := _moment(name.removeprefix(self._pauses))) is None:
                continue  # `strays` tells of it
            if at < until <= at + LONGEST_PAUSE:
                latest = max(latest, until) if latest else until
            else:
                self._store.delete_marker(name)
        return latest

    def strays(self) -> list[str]:
        """Names beside the pauses that were not written here, as tools that copy files leave them."""
        return [name for name in self._store.names(self._pauses) if _moment(name[len(self._pauses) :]) is None]

    def troubles(self) -> dict[str, datetime]:
        """What is not as it should be with the account or one of its jobs, and since when by the store's clock."""
        return {name[len(self._troubles) :]: since for name, since in self._store.written(self._troubles)}

    def trouble_began(self, what: str) -> None:
        """Remember that something is not as it should be; it is remembered from the first time on."""
        self._store.create(f"{self._troubles}{what}", b"")

    def trouble_ended(self, what: str) -> None:
        """Forget a trouble that is over."""
        self._store.delete_marker(f"{self._troubles}{what}")


def _moment(seconds: str) -> datetime | None:
    """The moment that a pause's name says, None where it says none."""
    try:
        return datetime.fromtimestamp(int(seconds), UTC)
    except (ValueError, OverflowError, OSError):
        return None
