from __future__ import annotations

import pytest

from tests.ledger.bent import BentProvider
from tests.ledger.test_earlier_jobs import post, states
from tuneloop.clock import now
from tuneloop.ledger.adoption import adopt
from tuneloop.ledger.ledger import Ledger
from tuneloop.ledger.submission import SubmitRequest
from tuneloop.ledger.training import TrainingLog
from tuneloop.providers.registry import ADOPTED
from tuneloop.schemas.recipe_fields import AdoptedRecipe, BaseRecipe
from tuneloop.schemas.records import Abandoned
from tuneloop.schemas.training import Handle


def adopted(job_id: str) -> AdoptedRecipe:
    return ADOPTED["flux-lora"](job_id=job_id)


class TwoPartProvider(BentProvider):
    """An account whose jobs need more than their id, by the trainer."""

    def handle_for(self, job_id: str, recipe: BaseRecipe) -> Handle:
        return {"endpoint": f"{type(recipe).provider}/{job_id[:4]}"}


def test_adopted_job_keeps_the_handle_that_its_provider_makes_of_a_typed_id(
    ledger: Ledger, bent: BentProvider, order: SubmitRequest
) -> None:
    job_id = post(bent, order, "made-elsewhere")
    bent.__class__ = TwoPartProvider
    adopt(ledger, bent, order.run, adopted(job_id))
    kept = TrainingLog.of(ledger, order.run).submission(job_id)
    assert kept.handle == {"endpoint": f"segmind/{job_id[:4]}"}


def test_adopted_model_is_marked_before_its_record_and_a_closed_adoption_goes_on(
    ledger: Ledger, bent: BentProvider, order: SubmitRequest
) -> None:
    job_id = post(bent, order, "made-elsewhere")
    run = order.run
    fence = Abandoned(created_at=now(), attempt=1, name=f"{run.key[:16]}-g1", reason="never claimed", paid=False)
    TrainingLog.of(ledger, run).append_failure(run, fence)
    adopt(ledger, bent, run, adopted(job_id))
    assert states(ledger, order) == ["abandoned", "submitted", "trained"]
    assert ledger.is_marked(run)


def test_refused_adoption_leaves_no_marker(ledger: Ledger, bent: BentProvider, order: SubmitRequest) -> None:
    with pytest.raises(Exception, match="no fine-tune"):
        adopt(ledger, bent, order.run, adopted("00000000-0000-0000-0000-000000000000"))
    assert not ledger.is_marked(order.run)
