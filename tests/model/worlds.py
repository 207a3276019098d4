"""The worlds that are searched, and in which of them each rule is missed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

from tests.model.budget import Budget
from tests.model.budget_state import WAITING
from tests.model.budget_state import State as BudgetState
from tests.model.cancelled_jobs import CancelledJobs
from tests.model.cancelling import Cancelling
from tests.model.images import Images
from tests.model.promotions import Promotions
from tests.model.reasons import Reasons
from tests.model.rules import EVERY_RULE
from tests.model.search import Attended
from tests.model.training import Training

AnyWorld = Training | Budget | Promotions | Images | Reasons | Cancelling | CancelledJobs

SMALL: dict[str, AnyWorld] = {
    "one run": Training(),
    "slow clocks": Training(skew=1),
    "cancelled run": Training(cancels=True),
    "two runs": Training(runs=2, ticks=False),
    "two attempts": Training(runs=2, attempts=2, processes=1),
    "untrusted list": Training(trusted=False),
    "untrusted list and a person": Training(trusted=False, decides=True, cancels=True, processes=1),
    # A fence uses up an attempt, of which there are few here: no ticks.
    "lost store": Training(empties=True, nightly=True, attempts=2, processes=1, ticks=False),
    "lost store and a wish": Training(
        empties=True, nightly=True, wishes=True, attempts=2, processes=1, ticks=False
    ),
    "store not mounted": Training(unmounts=True, trusted=False, processes=1),
    "another account's key": Training(accounts=True, processes=1),
    "clocks that are wrong": Training(drift=2, processes=1),
    "part of the list": Training(cuts=True, processes=1),
    "refused and yet accepted": Training(lies=True, nightly=True, attempts=2, processes=1),
    "refused and two processes": Training(lies=True, arrive=0, accept=0),
    "failed job that runs on": Training(revives=True, nightly=True, attempts=2, processes=1),
    "failed job and two runs": Training(
        revives=True, runs=2, attempts=2, processes=1, refuses=False, arrive=0, accept=0, show=0
    ),
    "failed job and two processes": Training(
        revives=True, nightly=True, attempts=2, ticks=False, refuses=False, arrive=0, accept=0, show=0
    ),
    "job without its name": Training(renames=True, processes=1),
    "weights that are lost": Training(loses=True, decides=True, processes=1),
    "budget": Budget(attempts=1),
    "budget, one process each": Budget(attempts=1, each=1),
    "budget of two attempts": Budget(processes=1),
    "budget and a person": Budget(processes=1, attempts=1, trusted=False, decides=True),
    "budget and two holds": Budget(processes=1, attempts=1, approves=True),
    "promotions": Promotions(processes=2),
    "promotions, cancelled run": Promotions(processes=2, rollbacks=False, cancels=True),
    "images": Images(),
    "reasons": Reasons(),
    "cancelling": Cancelling(),
    "cancelled jobs": CancelledJobs(),
}
"""Searched whole by the tests, within seconds."""

LARGE: dict[str, AnyWorld] = {
    "one run, three processes": Training(processes=3),
    "one run, longer margins": Training(send=2, arrive=2, accept=2, show=2, skew=1),
    "two runs and ticks": Training(runs=2),
    "two runs, cancelled": Training(runs=2, cancels=True),
    "two attempts, two processes": Training(runs=2, attempts=2),
    "untrusted list, three processes": Training(trusted=False, processes=3),
    "untrusted list and a person, two processes": Training(trusted=False, decides=True),
    "untrusted list, a person and two attempts": Training(
        runs=2, attempts=2, trusted=False, decides=True, processes=1
    ),
    "lost store, two processes": Training(empties=True, nightly=True, ticks=False),
    "store not mounted, two processes": Training(unmounts=True),
    "store not mounted, untrusted list": Training(unmounts=True, trusted=False),
    "another account's key, two processes": Training(accounts=True),
    "clocks that are wrong, two processes": Training(drift=2),
    "part of the list, two processes": Training(cuts=True),
    "refused and yet accepted, two processes": Training(lies=True, nightly=True, attempts=2),
    "failed job and two runs, all margins": Training(revives=True, nightly=True, runs=2, attempts=2, processes=1),
    "failed job and two processes, all margins": Training(revives=True, nightly=True, attempts=2),
    "job without its name, two processes": Training(renames=True),
    "weights that are lost, and a wish": Training(
        loses=True, decides=True, wishes=True, nightly=True, attempts=2, processes=1
    ),
    "budget, three processes": Budget(attempts=1, processes=3),
    "budget of two attempts, two processes": Budget(),
    "budget and a person, two processes": Budget(attempts=1, trusted=False, decides=True),
    "budget of two attempts and a person": Budget(processes=1, trusted=False, decides=True),
    "promotions, three processes": Promotions(),
    "promotions, three processes, cancelled run": Promotions(cancels=True),
    "promotions, four processes": Promotions(processes=4),
}
"""Searched by `python -m tests.model`, within minutes."""

TWICE = "attempt 1 was paid 2 times"
ASTRAY = "a paid job is followed by nobody"
OVER = "more was paid than the limit allows"
LOST = "nothing leads to the end any more"
TWO_JOBS = "two jobs of one training are paid"
BEGUN = "attempt 2 was begun, and attempt 1 may be paid"


class Missed(NamedTuple):
    """What happens in a world without a rule."""

    rule: str
    world: str
    wrong: str


WITHOUT = (
    Missed("compare_and_set", "two runs", TWICE),
    Missed("run_file_once", "two attempts", "one run has paid for two attempts"),
    Missed("marker_before_claim", "one run", ASTRAY),
    Missed("marker_until_the_end", "one run", ASTRAY),
    Missed("fence_before_unmarking", "one run", ASTRAY),
    Missed("claim_of_one_process", "one run", TWICE),
    Missed("last_byte_before_deadline", "one run", TWICE),
    Missed("silence_is_looked_up", "one run", TWICE),
    Missed("wait_for_arrival", "one run", TWICE),
    Missed("wait_for_late_acceptance", "one run", TWICE),
    Missed("wait_for_the_list", "one run", TWICE),
    Missed("wait_for_the_clocks", "slow clocks", TWICE),
    Missed("list_after_the_margins", "one run", TWICE),
    Missed("evidence_of_one_attempt", "two attempts", ASTRAY),
    Missed("missing_is_no_evidence", "one run", ASTRAY),
    Missed("id_over_claim_and_held", "untrusted list", LOST),
    Missed("held_where_untrusted", "untrusted list", TWICE),
    Missed("refusal_keeps_the_doubt", "untrusted list and a person", ASTRAY),
    Missed("doubt_counts_as_paid", "untrusted list and a person", ASTRAY),
    Missed("failure_keeps_the_doubt", "untrusted list and a person", ASTRAY),
    Missed("refusal_keeps_the_doubt", "budget and a person", OVER),
    Missed("doubt_counts_as_paid", "budget and a person", OVER),
    Missed("failure_keeps_the_doubt", "budget and a person", OVER),
    Missed("cancelled_only_collects", "cancelled run", "a cancelled run has submitted"),
    Missed("look_before_claim", "lost store", TWICE),
    Missed("look_before_claim", "failed job that runs on", TWO_JOBS),
    Missed("look_at_every_attempt", "failed job that runs on", TWO_JOBS),
    Missed("look_asks_by_id", "failed job that runs on", TWO_JOBS),
    Missed("used_name_is_no_new_one", "lost store", TWICE),
    Missed("job_of_one_attempt", "lost store and a wish", LOST),
    Missed("attempt_before_is_read_again", "failed job and two runs", BEGUN),
    Missed("no_fence_after_a_bill", "failed job and two runs", BEGUN),
    Missed("found_before_it_is_claimed", "failed job and two processes", ASTRAY),
    Missed("bad_end_revives", "refused and yet accepted", LOST),
    Missed("marked_when_it_revives", "refused and two processes", LOST),
    Missed("refusal_is_looked_up", "refused and yet accepted", ASTRAY),
    Missed("refusal_outlasts_its_margins", "refused and yet accepted", ASTRAY),
    Missed("second_doubt_is_held", "one run", "an attempt was claimed a third time without a person"),
    Missed("absence_of_a_whole_list", "part of the list", TWICE),
    Missed("one_origin", "another account's key", TWICE),
    Missed("clocks_are_compared", "clocks that are wrong", TWICE),
    Missed("run_makes_no_store", "store not mounted", ASTRAY),
    Missed("id_once_known", "job without its name", LOST),
    Missed("lost_is_held", "weights that are lost", LOST),
    Missed("approval_waives_what_it_names", "budget and two holds", OVER),
    Missed("asks_are_bounded", "images", "an image was billed 4 times"),
    Missed("ask_is_written_first", "images", "an image was billed 4 times"),
    Missed("reason_counts_once", "reasons", "one reason was paid twice"),
    Missed("reasons_after_the_log", "reasons", "one reason was paid twice"),
    Missed("wish_outlives_the_run", "cancelling", "a cancelled run has submitted"),
    Missed("prefect_cancels_are_no_wish", "cancelling", "a paid training was never judged"),
    Missed("only_a_person_stops_a_job", "cancelled jobs", "a job was stopped that nobody has cancelled"),
    Missed("request_before_asking", "cancelled jobs", "a cancelled job counts as unpaid, and is trained again"),
    Missed("markers_after_the_request", "cancelled jobs", "a job was stopped that another run waits for"),
    Missed("asked_until_answered", "cancelled jobs", LOST),
    Missed("every_store_is_read", "cancelled jobs", "a job was stopped that another run waits for"),
    Missed("request_is_withdrawn", "cancelled jobs", "a failure of the job's own counts as paid"),
    Missed("declined_stops_nothing", "cancelled jobs", "a failure of the job's own counts as paid"),
    Missed("billed_failure_is_paid", "cancelled jobs", "a billed job counts as unpaid, and is trained again"),
    Missed("slot_before_submit", "budget", OVER),
    Missed("slot_reused", "budget", "one training has two slots"),
    Missed("slot_of_one_attempt", "budget of two attempts", OVER),
    Missed("slot_after_the_last", "budget, one process each", OVER),
    Missed("release_after_unpaid_end", "budget", OVER),
    Missed("promotion_after_its_judge", "promotions", "champion 2 was judged against champion 0"),
    Missed("decision_before_promotion", "promotions", "champion 1 was promoted without a decision"),
    Missed("decision_after_those_read", "promotions", "A was decided on twice against the same champion"),
)

ATTENDED_WITHOUT = (
    Missed("lost_is_held", "weights that are lost", LOST),
    Missed("approvals_add_up", "budget and two holds", LOST),
)
"""What happens where a person answers whatever is asked."""


def attended(world: AnyWorld) -> Attended[Any]:
    """A world in which nothing may be left for a person to do."""
    return Attended(world, waits)


def waits(state: Any) -> bool:
    """Tell whether a training is held."""
    if isinstance(state, BudgetState):
        return any(training.record in WAITING for training in state.trainings)
    return any(record is not None and record.state == "held" for record in state.log)


def lawless(missed: Missed) -> AnyWorld:
    """The world in which a rule is missed, without that rule."""
    return replace(SMALL[missed.world], rules=EVERY_RULE.without(missed.rule))
