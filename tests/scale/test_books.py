from __future__ import annotations

import hashlib
from pathlib import Path
from uuid import UUID

from tests.emulator.segmind_caller import Caller
from tests.registry.conftest import collected, run_of
from tests.scale.books import Books
from tests.scale.load import Submitted, Wish
from tuneloop.clock import now
from tuneloop.emulator import EmulatorControl
from tuneloop.ledger.ledger import Ledger
from tuneloop.schemas.records import RunRecord
from tuneloop.schemas.training import job_name
from tuneloop.storage.local import LocalDirectory


def trained(ledger: Ledger, caller: Caller, letter: str, content: bytes, recorded: bytes) -> RunRecord:
    """A training that was paid and collected."""
    run = run_of(letter)
    ledger.save_run(run)
    caller.train(name=job_name(run.key, 1))
    weights = f"weights/{letter}.safetensors"
    ledger.store.create(weights, content)
    record = collected(run, weights, hashlib.sha256(recorded).hexdigest())
    ledger.store.create(f"trainings/{run.key}/0001.json", record.model_dump_json().encode())
    return run


def test_every_payment_too_many_and_all_lost_weights_are_found(
    emulator: EmulatorControl, artifacts: LocalDirectory
) -> None:
    ledger, caller = Ledger(artifacts), Caller(emulator)
    good = trained(ledger, caller, "a", b"weights", b"weights")
    spoiled = trained(ledger, caller, "b", b"half of the wei", b"weights")
    twice = trained(ledger, caller, "c", b"weights", b"weights")
    caller.train(name=job_name(twice.key, 1))
    caller.train(name="somebody-g1")
    runs = [UUID(run.flow_run) for run in (good, spoiled, twice)]
    books = Books(ledger, [emulator], [Submitted(Wish("robot", Path()), now(), run) for run in runs])
    assert books.decided() == 0
    assert len(books.paid()) == 5
    assert sorted(books.double_payments()) == [
        f"training {twice.key[:16]} was paid for 2 times",
        "training somebody was paid for, and nobody has asked for it",
    ]
    assert sorted(books.lost_weights()) == [
        f"{spoiled.key[:16]}-g1: weights/b.safetensors is not what was recorded",
        "somebody-g1 was paid for and not collected",
    ]
