"""Put an earlier champion back: the next promotion has its content again."""

from __future__ import annotations

from dataclasses import dataclass

from tuneloop.clock import now
from tuneloop.errors import ConfigurationError, RecordConflict
from tuneloop.ledger.collection import weights_problem
from tuneloop.ledger.ledger import Ledger
from tuneloop.registry.models import get_version
from tuneloop.registry.promotions import clean_reason, is_same_training
from tuneloop.schemas.records import Promotion, new_writer
from tuneloop.schemas.training import job_name

_TRIES = 100
"""How many promotions may come in between, one after the other: each of them is evaluated for minutes."""


@dataclass(frozen=True)
class Rollback:
    """The champion after a rollback to version `to`."""

    champion: Promotion
    replaced: Promotion | None
    """The champion before; None where nothing had to be written."""
    to: int

    @property
    def summary(self) -> str:
        """What was done, in a sentence."""
        model, job = self.champion.model, job_name(self.champion.key, self.champion.attempt)
        if self.replaced is None:
            same = "" if self.champion.number == self.to else f", the same model version as v{self.to}"
            return (
                f"{model}: nothing to do, and nothing was written: champion is v{self.champion.number} "
                f"({job}){same}."
            )
        old = job_name(self.replaced.key, self.replaced.attempt)
        return (
            f"{model}: champion is v{self.champion.number} ({job}), restored from v{self.to}; it replaces "
            f"v{self.replaced.number} ({old})."
        )


def roll_back(ledger: Ledger, model: str, to: int, reason: str, decided_by: str) -> Rollback:
    """Make the model version of an earlier promotion the champion again, under the next number.

    A model that is promoted meanwhile is replaced too: this version is wanted and no other. Run again after a
    crash it finds it champion and writes nothing.

    Raises:
        ConfigurationError: There is no such model or number, its weights are gone, or the reason cannot be kept.
        RecordConflict: Other promotions have taken one number after the other.
    """
    why = clean_reason(reason)
    target = get_version(ledger, model, to)
    if (problem := weights_problem(ledger, target)) is not None:
        raise ConfigurationError(
            f"{model} v{to} cannot be restored: {problem}; "
            "restore them from a backup or an older object version, or choose another number"
        )
    for _ in range(_TRIES):
        current = get_version(ledger, model)
        if is_same_training(current, target):
            return Rollback(current, None, to)
        promotion = target.model_copy(
            update={
                "created_at": now(),
                "writer_id": new_writer(),
                "number": current.number + 1,
                "rolled_back_to": to,
                "decided_by": decided_by,
                "reason": why,
            }
        )
        if ledger.write_promotion(promotion):
            return Rollback(promotion, current, to)
    raise RecordConflict(
        f"{model} was not rolled back: {_TRIES} promotions came in between; look at `tuneloop models {model}` and "
        "run it again"
    )
