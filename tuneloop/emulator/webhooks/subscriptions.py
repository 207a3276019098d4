"""Whom to tell of which training, and how much has been told."""

from dataclasses import dataclass

from tuneloop.emulator.state import State

_TABLE = """CREATE TABLE IF NOT EXISTS webhook_jobs (
    job_id TEXT PRIMARY KEY, origin TEXT, url TEXT, secret TEXT, told TEXT, forged INTEGER, over INTEGER)"""
_REGISTERED = "webhook"


@dataclass(frozen=True)
class Followed:
    """One training that has somebody to be told."""

    job_id: str
    origin: str
    """Of the emulator, as its client called it at the submit."""
    url: str | None
    """Address of this training alone; None where the registered one counts."""
    secret: str | None
    """Never to be shown."""
    told: str
    """The last state up to which everything is told, or was not to be told."""
    forged: bool
    """Whether a false delivery about it has been made."""


class WebhookBook:
    """Kept over a restart. No part of it may go into an answer: it holds secrets."""

    def __init__(self, state: State) -> None:
        self._state = state
        state.create(_TABLE)

    @property
    def registered(self) -> str | None:
        """The one address for all trainings."""
        url = self._state.setting(_REGISTERED)
        return None if url is None else str(url)

    def register(self, url: str | None) -> None:
        """Put another address in force; None takes it away."""
        self._state.set_setting(_REGISTERED, url)

    def follow(self, followed: Followed) -> None:
        """Follow a training from now on."""
        row = (followed.job_id, followed.origin, followed.url, followed.secret, followed.told)
        with self._state.transaction() as connection:
            connection.execute("INSERT INTO webhook_jobs VALUES (?, ?, ?, ?, ?, 0, 0)", row)

    def find(self, job_id: str) -> Followed | None:
        """Return what is known of one training, None if nobody is to be told of it."""
        return next(iter(self._read("job_id = ?", job_id)), None)

    def open(self) -> list[Followed]:
        """Return the trainings of which more may be to tell, oldest first."""
        return self._read("over = ?", 0)

    def told(self, job_id: str, status: str, *, over: bool) -> None:
        """Note up to which state a training has been told; one that is `over` is not followed any longer."""
        with self._state.transaction() as connection:
            connection.execute(
                "UPDATE webhook_jobs SET told = ?, over = ? WHERE job_id = ?", (status, over, job_id)
            )

    def forged(self, job_id: str) -> None:
        """Note that a false delivery about a training has been made."""
        with self._state.transaction() as connection:
            connection.execute("UPDATE webhook_jobs SET forged = 1 WHERE job_id = ?", (job_id,))

    def _read(self, where: str, value: object) -> list[Followed]:
        with self._state.transaction() as connection:
            query = f"SELECT * FROM webhook_jobs WHERE {where} ORDER BY rowid"  # noqa: S608 - a literal of this file
            rows = connection.execute(query, (value,)).fetchall()
        return [
            Followed(row["job_id"], row["origin"], row["url"], row["secret"], row["told"], bool(row["forged"]))
            for row in rows
        ]
