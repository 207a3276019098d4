"""`tuneloop metrics`: what `status` knows, in a form that Prometheus reads."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import yaml
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from tests.cli.commands import in_this_process
from tests.ledger.test_submission import old_claim
from tests.registry.conftest import run_of
from tuneloop.clock import now
from tuneloop.ledger.accounts import UNREACHED, AccountMarks, remember_origin
from tuneloop.ledger.budget import Budget
from tuneloop.ledger.ledger import Ledger
from tuneloop.ledger.reconciliation import record_duplicate_job
from tuneloop.operations.metrics import StoreMetrics
from tuneloop.operations.status import OpenTraining
from tuneloop.schemas.records import Held
from tuneloop.schemas.spending import SpendingLimits
from tuneloop.storage.identity import create_store
from tuneloop.storage.local import LocalDirectory

DOCUMENT = (Path(__file__).parent.parent.parent / "docs" / "operating.md").read_text()
LABELS = ("store", "provider", "account", "model", "state")
Samples = dict[tuple[str, ...], float]


def read(text: str) -> dict[str, Samples]:
    """Every metric in a text, as Prometheus' own library reads it: values by those of the labels, in our order."""
    found = {}
    for family in text_string_to_metric_families(text):
        assert (family.type, bool(family.documentation)) == ("gauge", True)
        samples = {
            tuple(sample.labels[label] for label in LABELS if label in sample.labels): sample.value
            for sample in family.samples
        }
        assert len(samples) == len(family.samples), f"{family.name} has a sample twice"
        found[family.name] = samples
    return found


@pytest.fixture
def busy(artifacts: LocalDirectory) -> LocalDirectory:
    """A store with two trainings of one account, of which one is held, that does not answer."""
    create_store(artifacts, "a test")
    ledger = Ledger(artifacts)
    for run in (run_of("a"), run_of("b", "cat")):
        ledger.mark(ledger.save_run(run))
        remember_origin(ledger, run.account, "https://api.provider.invalid")
        claim = old_claim(run, timedelta(hours=2)).model_copy(update={"created_at": now()})
        ledger.append(run.key, None, claim)
        Budget(ledger, run.account, SpendingLimits()).reserve(run, 450, claim, claim)
    held = Held(created_at=now(), attempt=1, name=claim.name, reason="nobody can tell")
    ledger.append(run.key, claim, held)
    record_duplicate_job(ledger, claim.name, "job-2", "job-1")
    AccountMarks(ledger, run.account.slug).trouble_began(UNREACHED)
    return artifacts


def test_store_alone_gives_the_figures_of_status(busy: LocalDirectory) -> None:
    done = in_this_process("metrics", "--store", busy.uri)
    assert (done.returncode, done.stderr) == (0, "")
    found = read(done.stdout)
    store, account = busy.uri, ("segmind", "segmind.default")
    assert found["tuneloop_trainings_in_flight"] == {
        (store, *account, "robot", "claimed"): 1,
        (store, *account, "cat", "held"): 1,
    }
    status = json.loads(in_this_process("status", "--store", busy.uri, "--json").stdout)
    since = {item["state"]: item["since"] for item in status["open"]}
    assert found["tuneloop_spending_dollars"] == {(store, *account): 9}
    assert found["tuneloop_trainings_today"] == {(store, *account): 2}
    assert found["tuneloop_problems"] == {(store,): len(status["attention"])}
    assert found["tuneloop_duplicate_jobs"] == {(store,): 1}
    oldest = found["tuneloop_training_oldest_timestamp_seconds"]
    assert oldest == {
        (store, *account, state): datetime.fromisoformat(at).timestamp() for state, at in since.items()
    }
    ((labels, unreached),) = found["tuneloop_account_unreached_timestamp_seconds"].items()
    assert (labels, unreached <= now().timestamp()) == ((store, *account), True)
    # Of a server nobody was asked.
    assert found["tuneloop_sensor_last_tick_timestamp_seconds"] == {}


def test_limits_are_in_dollars_and_a_limit_of_nothing_is_one() -> None:
    registry, limits = CollectorRegistry(), SpendingLimits(trainings_per_day=0, cents_per_window=12_345)
    registry.register(StoreMetrics("s", [], 0, 0, {}, {}, {"segmind.x": limits}))
    found, account = read(generate_latest(registry).decode()), ("s", "segmind", "segmind.x")
    assert found["tuneloop_spending_limit_dollars"] == {account: 123.45}
    assert found["tuneloop_trainings_today_limit"] == {account: 0}


def test_oldest_of_a_state_counts_and_what_a_person_typed_breaks_no_line() -> None:
    at = now()
    trainings = [
        OpenTraining(
            model='a "robot"\n', job="j", account="segmind.x", state="held", since=since, flow_run="r", note=""
        )
        for since in (at, at - timedelta(hours=3), at - timedelta(hours=1))
    ]
    registry = CollectorRegistry()
    registry.register(StoreMetrics("s3-bucket/x", trainings, 0, 0, {}, {}))
    found = read(generate_latest(registry).decode())
    assert found["tuneloop_trainings_in_flight"] == {
        ("s3-bucket/x", "segmind", "segmind.x", 'a "robot"\n', "held"): 3
    }
    (oldest,) = found["tuneloop_training_oldest_timestamp_seconds"].values()
    assert oldest == (at - timedelta(hours=3)).timestamp()


def test_file_is_replaced_only_by_a_whole_one(busy: LocalDirectory, tmp_path: Path) -> None:
    file, opened = tmp_path / "tuneloop.prom", tmp_path / "by-whom-reads-it"
    file.write_text("of before")
    opened.hardlink_to(file)
    assert in_this_process("metrics", "--store", busy.uri, "--output", str(file)).returncode == 0
    written = file.read_text()
    assert read(written)["tuneloop_trainings_in_flight"]
    assert opened.read_text() == "of before"
    assert in_this_process("metrics", "--store", f"{busy.uri}-gone", "--output", str(file)).returncode == 2
    assert file.read_text() == written
    assert [path for path in tmp_path.iterdir() if path.name.startswith("tuneloop")] == [file]


@pytest.mark.parametrize(
    ("name", "said"), [("tuneloop.txt", "that end in .prom"), ("no/tuneloop.prom", "no folder")]
)
def test_file_that_nobody_would_read_is_refused(
    name: str, said: str, busy: LocalDirectory, tmp_path: Path
) -> None:
    done = in_this_process("metrics", "--store", busy.uri, "--output", str(tmp_path / name))
    assert (done.returncode, said in done.stderr) == (2, True)
    assert not (tmp_path / name).exists()


def test_every_metric_is_explained_with_its_labels_and_rules_name_no_other() -> None:
    section = DOCUMENT.partition("## Metrics")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(tuneloop_\w+)` \|([^|]*)\|", section, re.MULTILINE)
    families = list(StoreMetrics("s", [], 0, 0, {}, {}).collect())
    assert {name: ("store", *re.findall(r"`(\w+)`", labels)) for name, labels in rows} == {
        family.name: family._labelnames for family in families
    }
    (rules,) = re.findall(r"```yaml\n(.*?)```", section, re.DOTALL)
    for rule in yaml.safe_load(rules)["groups"][0]["rules"]:
        named = set(re.findall(r"tuneloop_\w+", rule["expr"]))
        assert named <= {family.name for family in families}, rule["alert"]
