"""The steps of processes: which one is next, and the steps that runs and ticks have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from tests.model import run_steps, tick_steps
from tests.model.person_steps import LETTERS, described, killed, newborns
from tests.model.state import Process, State
from tests.model.writing import write_id, write_record

if TYPE_CHECKING:
    from tests.model.training import Training

Does = Callable[["Training", State, Process], Iterator[tuple[str, State]]]

DOES: dict[tuple[str, str], Does] = {
    **{("run", step): does for step, does in run_steps.STEPS.items()},
    **{("tick", step): does for step, does in tick_steps.STEPS.items()},
    **{(kind, "writes"): write_record for kind in ("run", "tick", "person")},
    **{(kind, "has the id"): write_id for kind in ("run", "tick", "person")},
}

AT_THE_PROVIDER = frozenset({"lists", "submits", "awaits the answer"})
"""Steps that need no store."""


def steps(world: Training, state: State) -> Iterator[tuple[str, State, bool]]:
    for process in dict.fromkeys(state.processes):
        if state.away and world.rules.run_makes_no_store and process.step not in AT_THE_PROVIDER:
            for _, after in killed(state, process):
                yield f"{described(process)}: stops, for this is no store", after, True
            continue
        for label, after in DOES[process.kind, process.step](world, state, process):
            yield f"{described(process)}: {label}", after, True
    if len(state.processes) < world.processes:
        yield from _sensor(world, state)


def _sensor(world: Training, state: State) -> Iterator[tuple[str, State, bool]]:
    """Start what the sensor starts. It may take a frozen process for dead: a run can have several."""
    for number, run in enumerate(state.runs):
        if not run.marked:
            continue
        for what, process in newborns(world, state, number):
            woken = tuple(sorted((*state.processes, process)))
            yield f"sensor: wakes run {LETTERS[number]}{what}", state._replace(processes=woken), True
        if world.ticks:
            tick = Process("tick", number, "lists", run.attempt)
            ticking = tuple(sorted((*state.processes, tick)))
            yield f"sensor: sees the marker of run {LETTERS[number]}", state._replace(processes=ticking), True
