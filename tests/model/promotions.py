"""Two challengers for one model: each is judged, decided on, and perhaps promoted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from tests.model.rules import EVERY_RULE, Rules

NAMES = "AB"


class Decision(NamedTuple):
    """A verdict on a challenger; or `abandoned`, which says only that somebody's run was cancelled."""

    verdict: str
    against: int
    """Number of the promotion that was champion then; 0 for none."""


class Promotion(NamedTuple):
    """A champion. Its number is its place in the line."""

    who: int
    judged: bool
    """Whether it comes from a verdict, and not from a person who rolls back."""
    against: int


class Process(NamedTuple):
    """A living process of a challenger's run; or a person who rolls back."""

    who: int
    step: str = "counts"
    decisions: int = 0
    """How many decisions there were before it read anything else: its own takes the next number."""
    verdict: str = ""
    against: int = 0


class State(NamedTuple):
    """Everything there is."""

    line: tuple[Promotion, ...] = ()
    decisions: tuple[tuple[Decision, ...], ...] = ((), ())
    marked: tuple[bool, ...] = (True, True)
    processes: tuple[Process, ...] = ()


Steps = Iterator[tuple[str, State]]


@dataclass(frozen=True)
class Promotions:
    """Two collected trainings of one model.

    Attributes:
        processes: How many processes may be alive at once.
        rollbacks: Whether a person may roll back, once.
        cancels: Whether a person may cancel another run that shares the first challenger, once.
        rules: What every process keeps to.
    """

    processes: int = 3
    rollbacks: bool = True
    cancels: bool = False
    rules: Rules = EVERY_RULE

    def first(self) -> State:
        return State()

    def steps(self, state: State) -> Iterator[tuple[str, State, bool]]:
        for process in dict.fromkeys(state.processes):
            name = f"run {NAMES[process.who]}"
            for label, after in STEPS[process.step](self, state, process):
                yield f"{name}: {label}", after, True
            yield f"{name}: killed", become(state, process), False
        if len(state.processes) == self.processes:
            return
        for who, marked in enumerate(state.marked):
            if marked:
                yield f"sensor: wakes run {NAMES[who]}", _with(state, Process(who)), True
        if self.cancels and not any(decision.verdict == "abandoned" for decision in state.decisions[0]):
            # Its number is read again until it is free: nothing was judged that could be out of date.
            after = _with_decision(state, 0, Decision("abandoned", len(state.line)))
            yield "person: cancels another run of A", after, False
        if self.rollbacks and len(state.line) > 1 and all(promotion.judged for promotion in state.line):
            number = len(state.line)
            back = Process(state.line[-2].who, "rolls back", against=number)
            yield f"person: puts {NAMES[back.who]} back, in the place of no. {number}", _with(state, back), False

    def wrong(self, state: State) -> str | None:
        for number, promotion in enumerate(state.line):
            if promotion.against != number:
                return f"champion {number + 1} was judged against champion {promotion.against}"
            if promotion.judged and any(one.judged and one.who == promotion.who for one in state.line[:number]):
                return f"champion {number + 1} was promoted before, and is not put back by a person"
            if promotion.judged and Decision("promote", number) not in state.decisions[promotion.who]:
                return f"champion {number + 1} was promoted without a decision"
        for who, decisions in enumerate(state.decisions):
            against = [decision.against for decision in decisions if decision.verdict != "abandoned"]
            if len(set(against)) < len(against):
                return f"{NAMES[who]} was decided on twice against the same champion"
        return None

    def finished(self, state: State) -> bool:
        return not state.processes and not any(state.marked)


def become(state: State, before: Process, *after: Process) -> State:
    processes = list(state.processes)
    processes.remove(before)
    return state._replace(processes=tuple(sorted([*processes, *after])))


def _with(state: State, process: Process) -> State:
    return state._replace(processes=tuple(sorted((*state.processes, process))))


def _with_decision(state: State, who: int, decision: Decision) -> State:
    written = (*state.decisions[who], decision)
    return state._replace(decisions=(*state.decisions[:who], written, *state.decisions[who + 1 :]))


def current_decision(state: State, who: int) -> Decision | None:
    """The decision that still holds: not a promotion whose number somebody else has taken."""
    verdicts = [decision for decision in state.decisions[who] if decision.verdict != "abandoned"]
    if not verdicts:
        return None
    last = verdicts[-1]
    since = state.line[max(0, last.against - 1) :]
    lost = len(state.line) > last.against and not any(promotion.who == who for promotion in since)
    return None if last.verdict == "promote" and lost else last


def count(_: Promotions, state: State, me: Process) -> Steps:
    number = len(state.decisions[me.who])
    then = me._replace(step="reads", decisions=number)
    yield f"counts {number} decisions", become(state, me, then)


def read(_: Promotions, state: State, me: Process) -> Steps:
    standing = current_decision(state, me.who)
    if standing is None:
        yield "reads that no decision stands", become(state, me, me._replace(step="judges"))
    elif standing.verdict == "reject" or any(promotion.who == me.who for promotion in state.line):
        yield "reads that all is decided", become(state, me, Process(me.who, "deletes its marker"))
    else:
        then = Process(me.who, "promotes", verdict="promote", against=standing.against)
        yield f"reads that it was decided to promote after {standing.against}", become(state, me, then)


def judge(world: Promotions, state: State, me: Process) -> Steps:
    champion = len(state.line)
    for verdict in ("promote", "reject"):
        then = me._replace(step="decides", verdict=verdict, against=champion)
        yield f"comes to the verdict {verdict} against champion {champion}", become(state, me, then)
        if verdict == "promote" and not world.rules.decision_before_promotion:
            yield "goes to promote at once", become(state, me, then._replace(step="promotes"))


def decide(world: Promotions, state: State, me: Process) -> Steps:
    mine = state.decisions[me.who]
    if world.rules.decision_after_those_read and len(mine) != me.decisions:
        # What has the number is the decision, whoever has written it.
        yield from _go_by(state, me, mine[me.decisions])
        return
    after = _with_decision(state, me.who, Decision(me.verdict, me.against))
    yield f"decides: {me.verdict} after {me.against}", become(after, me, Process(me.who))


def _go_by(state: State, me: Process, decision: Decision) -> Steps:
    then = {
        "promote": Process(me.who, "promotes", verdict="promote", against=decision.against),
        "reject": Process(me.who, "deletes its marker"),
        "abandoned": Process(me.who),
    }
    yield f"finds its number taken by {decision.verdict}", become(state, me, then[decision.verdict])


def promote(world: Promotions, state: State, me: Process) -> Steps:
    again = Process(me.who)
    free = len(state.line) == me.against
    if free or not world.rules.promotion_after_its_judge:
        line = (*state.line, Promotion(me.who, judged=True, against=me.against))
        yield f"becomes champion {len(line)}", become(state._replace(line=line), me, again)
    else:
        yield f"finds number {me.against + 1} taken", become(state, me, again)


def roll_back(world: Promotions, state: State, me: Process) -> Steps:
    if world.rules.promotion_after_its_judge and len(state.line) != me.against:
        # The person wants this model, whoever was promoted meanwhile.
        if state.line[-1].who == me.who:
            yield "is champion already", become(state, me)
        else:
            after = me._replace(against=len(state.line))
            yield f"finds number {me.against + 1} taken and reads again", become(state, me, after)
        return
    line = (*state.line, Promotion(me.who, judged=False, against=me.against))
    yield f"is put back as champion {len(line)}", become(state._replace(line=line), me)


def delete_marker(_: Promotions, state: State, me: Process) -> Steps:
    marked = (*state.marked[: me.who], False, *state.marked[me.who + 1 :])
    yield "deletes its marker", become(state._replace(marked=marked), me)


STEPS: dict[str, Callable[[Promotions, State, Process], Steps]] = {
    "counts": count,
    "reads": read,
    "judges": judge,
    "decides": decide,
    "promotes": promote,
    "rolls back": roll_back,
    "deletes its marker": delete_marker,
}
