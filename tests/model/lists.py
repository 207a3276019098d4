"""What a list of jobs shows, and what it proves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tests.model.state import NOBODY, REVIVES, SHOWN, Job, Process, Record, State
from tests.model.whereabouts import is_followed

if TYPE_CHECKING:
    from tests.model.training import Training


def shown(world: Training, state: State, me: Process) -> Iterator[tuple[str, int, bool]]:
    """What may come first in a list that is started now, and whether the list may prove an absence.

    Yields:
        A label, the number of a job or NOBODY, and whether its absence is evidence.
    """
    proves = _is_ripe(world, state, me)
    for number in _found(world, state, me):
        yield "asks for the list", number, proves
    if world.cuts:
        yield (
            "asks for the list, and gets a part of it",
            NOBODY,
            proves and not world.rules.absence_of_a_whole_list,
        )


def _found(world: Training, state: State, me: Process) -> list[int]:
    own = [
        number
        for number, job in enumerate(state.jobs)
        if _is_shown(job, me)
        and (job.attempt == me.attempt or not world.rules.evidence_of_one_attempt)
        and not _belongs_to_another(world, state, number, me.attempt)
    ]
    if me.writes != "claimed":
        record = state.log[me.attempt - 1]
        if record is not None and record.state in REVIVES:
            own = [number for number in own if state.jobs[number].phase != "failed"]
        return own or [NOBODY]
    # The look before a claim.
    alive = [
        number
        for number, job in enumerate(state.jobs)
        if (_is_shown(job, me) or (world.rules.look_asks_by_id and _is_named(state, number)))
        and job.phase != "failed"
        and not is_followed(state, number)
        and (job.attempt == me.attempt or world.rules.look_at_every_attempt)
    ]
    if alive:
        return [max(alive, key=lambda number: state.jobs[number].attempt)]
    return (own if world.rules.used_name_is_no_new_one else []) or [NOBODY]


def _is_shown(job: Job, me: Process) -> bool:
    return job.hidden == SHOWN and job.named and job.stranger == me.stranger


def _is_named(state: State, number: int) -> bool:
    """Tell whether a record names a job, so that it can be asked for by its id."""
    return any(record is not None and record.job == number for record in state.log)


def _belongs_to_another(world: Training, state: State, number: int, attempt: int) -> bool:
    """Tell whether another attempt's record names a job: then it is no evidence for this one."""
    if not world.rules.job_of_one_attempt:
        return False
    return any(
        record is not None and record.job == number and record.state not in REVIVES
        for other, record in enumerate(state.log, 1)
        if other != attempt
    )


def _is_ripe(world: Training, state: State, me: Process) -> bool:
    """Tell whether a list that is started now may prove that nothing was accepted."""
    record = state.log[me.attempt - 1]
    if me.kind == "run" and not me.current:
        return False
    if me.writes == "rejected":
        return True
    if record is not None and record.state in {"claimed", "rejected"}:
        return record.left <= max(0, me.off)
    return me.writes == "claimed" and not _may_still_show(world, state, me.attempt)


def _may_still_show(world: Training, state: State, attempt: int) -> bool:
    """Tell whether the attempt before was refused so lately that its job might not be listed yet."""
    before: Record | None = state.log[attempt - 2] if attempt > 1 else None
    rules = world.rules
    return (
        rules.refusal_is_looked_up
        and rules.refusal_outlasts_its_margins
        and before is not None
        and before.left > 0
    )
