"""What was paid, by the providers' own books, and what came of it, by the artifact store."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.scale.load import Submitted
from tuneloop.emulator import BilledEntry, EmulatorControl
from tuneloop.errors import ObjectNotFound
from tuneloop.ledger.ledger import Ledger
from tuneloop.registry.promotions import Registry
from tuneloop.schemas.records import Collected, RunRecord


@dataclass
class Books:
    """The books of one session.

    Attributes:
        ledger: The artifact store.
        emulators: The providers.
        submitted: What was asked for.
    """

    ledger: Ledger
    emulators: list[EmulatorControl]
    submitted: list[Submitted]
    _runs: dict[str, RunRecord] = field(default_factory=dict)
    _decided: set[str] = field(default_factory=set)

    def paid(self) -> list[BilledEntry]:
        """Every training that the providers charge for."""
        billed = [entry for control in self.emulators for entry in control.billing()]
        return [entry for entry in billed if entry.kind == "training" and not entry.refunded]

    def decided(self) -> int:
        """How many of the retrainings were promoted or rejected, and that was carried out."""
        self._read_runs()
        # Two lists in place of some requests for each: to look must not be part of the load.
        folders = {name.rpartition("/")[0] + "/" for name in self.ledger.store.names("models/")}
        registry = Registry(self.ledger)
        for flow_run in self._runs.keys() - self._decided:
            run = self._runs[flow_run]
            if self.ledger.decision_folder(run) in folders and registry.applied_decision(run) is not None:
                self._decided.add(flow_run)
        return len(self._decided)

    def _read_runs(self) -> None:
        """Read what the runs work on that have decided it since."""
        there = {name.removeprefix("runs/").removesuffix(".json") for name in self.ledger.store.names("runs/")}
        for flow_run in {str(item.flow_run) for item in self.submitted} & there - self._runs.keys():
            run = self.ledger.run(flow_run)
            assert run is not None, flow_run
            self._runs[flow_run] = run

    def undecided(self) -> list[Submitted]:
        """The retrainings without a decision, as they were when `decided` was last asked."""
        return [item for item in self.submitted if str(item.flow_run) not in self._decided]

    def double_payments(self) -> Iterator[str]:
        """Trainings that were paid more than once, or that nobody has asked for."""
        wanted = {run.key[:16] for run in self._runs.values()}
        times = Counter(entry.name.partition("-g")[0] for entry in self.paid())
        for key, number in times.items():
            if key not in wanted:
                yield f"training {key} was paid for, and nobody has asked for it"
            yield from [f"training {key} was paid for {number} times"] * (number - 1)

    def lost_weights(self) -> Iterator[str]:
        """Trainings that were paid and whose weights are not in the store, whole."""
        records = {
            record.name: record
            for key in {run.key for run in self._runs.values()}
            for record in self.ledger.history(key)
            if isinstance(record, Collected)
        }
        for entry in self.paid():
            record = records.get(entry.name)
            if record is None:
                yield f"{entry.name} was paid for and not collected"
            elif not self._is_whole(record):
                yield f"{entry.name}: {record.weights} is not what was recorded"

    def _is_whole(self, record: Collected) -> bool:
        try:
            content = self.ledger.store.read(record.weights or "nowhere")
        except ObjectNotFound:
            return False
        return hashlib.sha256(content).hexdigest() == record.sha256
