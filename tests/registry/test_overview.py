"""What the page of all models reads from a store."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from PIL import Image

from tests.registry.conftest import Champion, promotion_of, run_of
from tests.registry.test_rollback import win
from tuneloop.clock import now
from tuneloop.datasets.store import manifest_name
from tuneloop.errors import StoreUnavailable
from tuneloop.evaluation.render import image_stem
from tuneloop.evaluation.reports.models_page import ModelsOverview, write_models_page
from tuneloop.ledger.accounts import remember_origin
from tuneloop.ledger.ledger import Ledger
from tuneloop.providers.segmind.recipes import FluxDevRender
from tuneloop.registry.overview import read_overview, thumbnails
from tuneloop.registry.promotions import Registry
from tuneloop.registry.rollback import roll_back
from tuneloop.schemas.dataset import DatasetManifest
from tuneloop.schemas.evaluation import GateResult
from tuneloop.schemas.plan import EvaluationConfig
from tuneloop.schemas.spending import Reservation, window_of
from tuneloop.schemas.training import Account, job_name
from tuneloop.storage.local import LocalDirectory
from tuneloop.storage.s3 import S3Store
from tuneloop.storage.s3_logs import count_requests, log_requests

STORE = "s3-bucket/loras"


def test_champion_last_decision_and_open_question_of_each_model_are_read(
    ledger: Ledger, champion: Champion
) -> None:
    win(ledger, run_of("a"))
    unsure = GateResult(verdict="undecided", reason="Too close.", rule="a rule", scores={})
    assert Registry(ledger).record(run_of("b"), unsure, number=1, against=1, report="models/robot/reports/b.html")
    champion("c", "put-back"), champion("d", "put-back")
    roll_back(ledger, "put-back", 1, "six fingers", "a person")
    assert ledger.write_promotion(promotion_of("b", "a-gap", 2))
    gap, back, robot = read_overview(ledger, STORE, now()).models
    assert "has a gap" in str(gap.problem)
    assert (back.number, back.outcome, back.reason, back.questions) == (3, "rolled back", "six fingers", ())
    assert (robot.number, robot.outcome, robot.report) == (1, "undecided", "models/robot/reports/b.html")
    assert [each.command for each in robot.questions] == [
        'tuneloop review robot --store s3-bucket/loras --approve --reason "…"'
    ]

    # Against another champion there is nothing to answer any more.
    champion("e", "robot")
    assert read_overview(ledger, STORE, now()).models[-1].questions == ()


def test_model_is_read_again_that_day_only_if_something_was_written_there(
    s3_store: S3Store, tmp_path: Path
) -> None:
    ledger, log, today = Ledger(s3_store), tmp_path / "requests.log", now()
    log_requests(s3_store.client, log, "me")

    def read(before: ModelsOverview | None, at: datetime = today, slug: str = STORE) -> tuple[ModelsOverview, int]:
        log.unlink(missing_ok=True)
        overview = read_overview(ledger, slug, at, before.models if before else ())
        return overview, count_requests(log, "me")["GetObject"]

    for model in ("one", "two"):
        win(ledger, run_of("a", model))
    first, reads = read(None)
    assert reads == 4
    assert read(first) == (first, 0)

    win(ledger, run_of("b", "two"))
    second, reads = read(first)
    assert (reads, [model.number for model in second.models]) == (2, [1, 2])
    assert read(second)[1] == 0

    # What is wrong with a model may be over although nothing was written: this version was too old for it.
    assert s3_store.create("models/zero/promotions/0001.json", b"{}")
    third, reads = read(second)
    assert (reads, third.models[-1].problem is None) == (1, False)
    assert read(third)[1] == 1

    assert read(third, today + timedelta(days=1))[1] == 5
    assert read(third, slug="s3-bucket/another")[1] == 5, "its commands name the store"


def test_other_record_under_the_name_of_one_that_was_read_is_read(artifacts: LocalDirectory) -> None:
    """As after a restore, when the state of the page is younger than the records."""
    ledger, name = Ledger(artifacts), "models/robot/promotions/0001.json"
    assert ledger.write_promotion(promotion_of("a", "robot", 1))
    file = Path(urlsplit(artifacts.uri_of(name)).path)
    os.utime(file, (0, 0))
    before = read_overview(ledger, STORE, now()).models
    file.unlink()
    assert ledger.write_promotion(promotion_of("b", "robot", 1))
    assert [model.reason for model in read_overview(ledger, STORE, now(), before).models] == ["b is better"]


def test_what_is_no_model_is_left_out(ledger: Ledger, champion: Champion) -> None:
    champion("a", "robot")
    for name in ("models/notes.txt", "models/notes", "models/Robot_v2/x", "models/Robot_v2/reports/x.html"):
        assert ledger.store.create(name, b"a stray")
    assert [model.model for model in read_overview(ledger, STORE, now()).models] == ["robot"]


class _Away(LocalDirectory):
    """Lists its names, and does not respond after that."""

    def read(self, name: str) -> bytes:
        raise StoreUnavailable(f"{name} is away")


def test_store_that_is_away_is_no_problem_of_its_models(tmp_path: Path) -> None:
    ledger = Ledger(_Away(tmp_path))
    assert ledger.write_promotion(promotion_of("a", "robot", 1))
    with pytest.raises(StoreUnavailable):
        read_overview(ledger, STORE, now())


def test_spending_of_the_month_is_read_by_account(ledger: Ledger) -> None:
    account, today = Account(provider="segmind"), now().date()
    remember_origin(ledger, account, "https://api.segmind.com")
    for number in (1, 2):
        slot = Reservation(
            created_at=now(), number=number, key="a" * 64, attempt=1, model="robot", flow_run="r", deployment=None,
            cents=400, day=today, trainings_by_day={today: number}, cents_so_far=400 * number,
        )  # fmt: skip
        ledger.create_record(f"budget/{account.slug}/{window_of(today):%Y-%m-%d}/{number:04d}.json", slot)
    [spent] = read_overview(ledger, STORE, now()).spending
    assert (spent.account, spent.trainings, spent.cents) == ("segmind.default", 2, 800)
    assert spent.ends == window_of(today) + timedelta(days=30)


def test_page_of_two_hundred_models_with_images_is_below_two_megabytes(
    artifacts: LocalDirectory, tmp_path: Path
) -> None:
    ledger, plan = Ledger(artifacts), EvaluationConfig(prompts=("a photo of {trigger}",), seeds=(1,))
    plan = plan.rendered_by(FluxDevRender())
    manifest = DatasetManifest(items=(), source="here")
    artifacts.create(manifest_name(manifest.digest), manifest.model_dump_json().encode())
    first = promotion_of("a", "robot", 1)
    noise = tmp_path / "noise.png"  # an image that hardly becomes smaller
    Image.effect_noise((256, 256), 120).convert("RGB").save(noise)
    stem = image_stem("a photo of ROBOX", 1, plan.service)
    artifacts.create(f"renders/{job_name(first.key, 1)}/{stem}.png", noise.read_bytes())
    for number in range(200):
        changes = {
            "model": f"robot-{number:03d}", "plan": plan, "dataset_digest": manifest.digest, "reason": 80 * "why ",
        }  # fmt: skip
        assert ledger.write_promotion(first.model_copy(update=changes))
    overview = read_overview(ledger, STORE, now())
    images = thumbnails(ledger, overview, {"robot-000/1": "data:image/jpeg;base64,AA"})
    assert images.pop("robot-000/1") == "data:image/jpeg;base64,AA", "what is known is not made again"
    by_model = {name.partition("/")[0]: address for name, address in images.items()}
    page = write_models_page(artifacts, overview, by_model)
    assert page.count("<img ") == 199
    assert len(page.encode()) < 2_000_000
