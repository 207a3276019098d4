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
    _decided: dict[str, RunRecord] = field(default_factory=dict)

    def paid(self) -> list[BilledEntry]:
        """Every training that the providers charge for."""
        billed = [entry for control in self.emulators for entry in control.billing()]
        return [entry for entry in billed if entry.kind == "training" and not entry.refunded]

    def decided(self) -> int:
        """How many of the retrainings were promoted or rejected, and that was carried out."""
        registry = Registry(self.ledger)
        for item in self.submitted:
            flow_run = str(item.flow_run)
            if flow_run in self._decided:
                continue
            run = self.ledger.run(flow_run)
            if run is not None and registry.applied_decision(run) is not None:
                self._decided[flow_run] = run
        return len(self._decided)

    def undecided(self) -> list[Submitted]:
        """The retrainings without a decision, as they were when `decided` was last asked."""
        return [item for item in self.submitted if str(item.flow_run) not in self._decided]

    def double_payments(self) -> Iterator[str]:
        """Trainings that were paid more than once, or that nobody has asked for."""
        wanted = {run.key[:16] for item in self.submitted if (run := self.ledger.run(str(item.flow_run)))}
        times = Counter(entry.name.partition("-g")[0] for entry in self.paid())
        for key, number in times.items():
            if key not in wanted:
                yield f"training {key} was paid for, and nobody has asked for it"
            yield from [f"training {key} was paid for {number} times"] * (number - 1)

    def lost_weights(self) -> Iterator[str]:
        """Trainings that were paid and whose weights are not in the store, whole."""
        runs = [self.ledger.run(str(item.flow_run)) for item in self.submitted]
        records = {
            record.name: record
            for key in {run.key for run in runs if run is not None}
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
