"""Breadth-first search through every state of a world, and the shortest way to what went wrong."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeVar

State = TypeVar("State", bound=Hashable)


class World(Protocol[State]):
    """What is searched."""

    def first(self) -> State:
        """The state in which everything begins."""

    def steps(self, state: State) -> Iterator[tuple[str, State, bool]]:
        """Everything that can happen next: label, state after it, whether it may be relied on.

        Nobody may rely on a kill, on a person, or on a run that is started again.
        """

    def wrong(self, state: State) -> str | None:
        """What must never be, where it is."""

    def finished(self, state: State) -> bool:
        """Whether nothing is left to do."""


@dataclass(frozen=True)
class Finding:
    """The outcome of a search.

    Attributes:
        states: How many states were seen.
        wrong: What went wrong, None where nothing did.
        trace: The shortest way there.
        last: What it leads to.
        complete: Whether every reachable state was seen.
    """

    states: int
    wrong: str | None = None
    trace: tuple[str, ...] = ()
    last: Hashable = None
    complete: bool = True

    def __str__(self) -> str:
        if self.wrong is None:
            return f"{self.states} states{'' if self.complete else ' (not all)'}, nothing wrong"
        lines = [f"{self.wrong}, after {len(self.trace)} steps:"]
        lines += [f"{n:4d}. {label}" for n, label in enumerate(self.trace, 1)]
        return "\n".join([*lines, f"That leads to {self.last}"])


def search(world: World[State], limit: int | None = None) -> Finding:
    """Look at every state that can be reached, up to a limit.

    A state is wrong if the world says so, or if from there no steps that may be relied on lead to the end. The
    second is judged only where every state was seen.
    """
    first = world.first()
    ids, states = {first: 0}, [first]
    parents, origins, targets = array("l", [-1]), array("l"), array("l")
    here = 0
    while here < len(states):
        if (wrong := world.wrong(states[here])) is not None:
            return Finding(len(states), wrong, _trace(world, states, parents, here), states[here])
        if limit is not None and len(states) > limit:
            return Finding(len(states), complete=False)
        for _, after, counts in world.steps(states[here]):
            there = ids.setdefault(after, len(states))
            if there == len(states):
                states.append(after)
                parents.append(here)
            if counts:
                origins.append(here)
                targets.append(there)
        here += 1
    stuck = _first_stuck(world, states, origins, targets)
    if stuck is None:
        return Finding(len(states))
    trace = _trace(world, states, parents, stuck)
    return Finding(len(states), "nothing leads to the end any more", trace, states[stuck])


@dataclass(frozen=True)
class Attended(World[State]):
    """A world in which a person answers, so that nothing may be left for one to do."""

    world: World[State]
    waits: Callable[[State], bool]
    """Whether something waits for a person."""

    def first(self) -> State:
        return self.world.first()

    def steps(self, state: State) -> Iterator[tuple[str, State, bool]]:
        for label, after, _ in self.world.steps(state):
            yield label, after, True

    def wrong(self, state: State) -> str | None:
        return self.world.wrong(state)

    def finished(self, state: State) -> bool:
        return self.world.finished(state) and not self.waits(state)


def reachable(world: World[State]) -> Iterator[State]:
    """Every state that can be reached."""
    seen, todo = {world.first()}, [world.first()]
    while todo:
        state = todo.pop()
        yield state
        for _, after, _ in world.steps(state):
            if after not in seen:
                seen.add(after)
                todo.append(after)


def _first_stuck(world: World[State], states: list[State], origins: array[int], targets: array[int]) -> int | None:
    """The first state from which no finished state can be reached."""
    before: list[array[int] | None] = [None] * len(states)
    for origin, target in zip(origins, targets, strict=True):
        found = before[target]
        if found is None:
            before[target] = array("l", [origin])
        else:
            found.append(origin)
    saved = bytearray(len(states))
    todo = [number for number, state in enumerate(states) if world.finished(state)]
    for number in todo:
        saved[number] = 1
    while todo:
        for origin in before[todo.pop()] or ():
            if not saved[origin]:
                saved[origin] = 1
                todo.append(origin)
    stuck = saved.find(0)
    return None if stuck < 0 else stuck


def _trace(world: World[State], states: list[State], parents: array[int], here: int) -> tuple[str, ...]:
    """Labels of the steps from the beginning. They are made again rather than kept: most are never read."""
    labels = []
    while parents[here] >= 0:
        before = parents[here]
        labels.append(next(label for label, after, _ in world.steps(states[before]) if after == states[here]))
        here = before
    return tuple(reversed(labels))
