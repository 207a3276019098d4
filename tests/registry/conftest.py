from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.s3_server import fresh_bucket, s3_client, s3_server
from tuneloop.clock import now
from tuneloop.ledger.ledger import Ledger
from tuneloop.providers.registry import ADOPTED
from tuneloop.providers.segmind.recipes import FluxLoraRecipe
from tuneloop.schemas.plan import EvaluationConfig
from tuneloop.schemas.records import Collected, Promotion, RunRecord
from tuneloop.schemas.training import Account
from tuneloop.storage.local import LocalDirectory
from tuneloop.storage.s3 import S3Store

Champion = Callable[..., Promotion]


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    with s3_server() as endpoint:
        yield endpoint


@pytest.fixture
def s3_store(s3_endpoint: str) -> S3Store:
    client = s3_client(s3_endpoint)
    return S3Store(client, fresh_bucket(client), "team/loras")


@pytest.fixture(params=["artifacts", "s3_store"])
def store(request: pytest.FixtureRequest) -> LocalDirectory | S3Store:
    """Every kind of store: what is promised of one is promised of all."""
    made: LocalDirectory | S3Store = request.getfixturevalue(request.param)
    return made


@pytest.fixture
def ledger(store: LocalDirectory | S3Store) -> Ledger:
    return Ledger(store)


def run_of(letter: str, model: str = "robot") -> RunRecord:
    """What a run of one model version works on."""
    return RunRecord(
        created_at=now(),
        flow_run=f"{letter * 8}-0000-0000-0000-000000000000",
        model=model,
        key=letter * 64,
        attempt=1,
        dataset_digest=letter * 64,
        recipe=FluxLoraRecipe(instance_prompt="a photo of ROBOX", trigger_word="ROBOX").model_dump(mode="json"),
        plan=EvaluationConfig(),
        account=Account(provider="segmind"),
        credentials="segmind-credentials/default",
        store="local-file-system/test",
    )


def collected(run: RunRecord, weights: str | None = None, sha256: str | None = None) -> Collected:
    return Collected(
        created_at=now(),
        attempt=1,
        name=f"{run.key[:16]}-g1",
        job_id=f"job-{run.key[0]}",
        weights=weights,
        sha256=sha256,
        size_bytes=None,
    )


@pytest.fixture
def champion(ledger: Ledger) -> Champion:
    """Writes the next promotion of a model, as a judged challenger's would be."""

    def make(letter: str, model: str = "robot", **changes: object) -> Promotion:
        promotion = promotion_of(letter, model, len(ledger.promotions(model)) + 1).model_copy(update=changes)
        assert ledger.write_promotion(promotion)
        return promotion

    return make


def promotion_of(letter: str, model: str, number: int) -> Promotion:
    run = run_of(letter, model)
    return Promotion(
        created_at=now(),
        number=number,
        model=model,
        key=run.key,
        attempt=1,
        job_id=f"job-{letter}",
        account=run.account,
        credentials=run.credentials,
        trigger_word="ROBOX",
        weights=None,
        sha256=None,
        dataset_digest=run.dataset_digest,
        recipe=run.recipe,
        decision=f"models/{model}/decisions/{run.key}-g1-plan/0001.json",
        report=f"models/{model}/reports/{letter}.md",
        decided_by="tuneloop: a rule",
        reason=f"{letter} is better",
    )


def editing(promotion: Promotion) -> Promotion:
    """The same promotion, of a model that edits images."""
    recipe = ADOPTED["kontext-lora"](job_id="j").model_dump(mode="json")
    return promotion.model_copy(update={"recipe": recipe})
