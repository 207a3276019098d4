"""The worlds that are searched, and in which of them each rule is missed."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from tests.model.budget import Budget
from tests.model.promotions import Promotions
from tests.model.rules import EVERY_RULE
from tests.model.training import Training

AnyWorld = Training | Budget | Promotions

SMALL: dict[str, AnyWorld] = {
    "one run": Training(),
    "slow clocks": Training(skew=1),
    "cancelled run": Training(cancels=True),
    "two runs": Training(runs=2, ticks=False),
    "two generations": Training(runs=2, generations=2, processes=1),
    "untrusted list": Training(trusted=False),
    "untrusted list and a person": Training(trusted=False, decides=True, cancels=True, processes=1),
    "budget": Budget(generations=1),
    "budget, one process each": Budget(generations=1, each=1),
    "budget of two generations": Budget(processes=1),
    "budget and a person": Budget(processes=1, generations=1, trusted=False, decides=True),
    "promotions": Promotions(processes=2),
    "promotions, cancelled run": Promotions(processes=2, rollbacks=False, cancels=True),
}
"""Searched whole by the tests, within seconds."""

LARGE: dict[str, AnyWorld] = {
    "one run, three processes": Training(processes=3),
    "one run, longer margins": Training(send=2, arrive=2, accept=2, show=2, skew=1),
    "two runs and ticks": Training(runs=2),
    "two runs, cancelled": Training(runs=2, cancels=True),
    "two generations, two processes": Training(runs=2, generations=2),
    "untrusted list, three processes": Training(trusted=False, processes=3),
    "untrusted list and a person, two processes": Training(trusted=False, decides=True),
    "untrusted list, a person and two generations": Training(
        runs=2, generations=2, trusted=False, decides=True, processes=1
    ),
    "budget, three processes": Budget(generations=1, processes=3),
    "budget of two generations, two processes": Budget(),
    "budget and a person, two processes": Budget(generations=1, trusted=False, decides=True),
    "budget of two generations and a person": Budget(processes=1, trusted=False, decides=True),
    "promotions, three processes": Promotions(),
    "promotions, three processes, cancelled run": Promotions(cancels=True),
    "promotions, four processes": Promotions(processes=4),
}
"""Searched by `python -m tests.model`, within minutes."""

TWICE = "generation 1 was paid 2 times"
ASTRAY = "a paid job is followed by nobody"
OVER = "more was paid than the limit allows"
LOST = "nothing leads to the end any more"


class Missed(NamedTuple):
    """What happens in a world without a rule."""

    rule: str
    world: str
    wrong: str


WITHOUT = (
    Missed("compare_and_set", "two runs", TWICE),
    Missed("run_file_once", "two generations", "one run has paid for two generations"),
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
    Missed("evidence_of_one_generation", "two generations", ASTRAY),
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
    Missed("slot_before_submit", "budget", OVER),
    Missed("slot_reused", "budget", "one training has two slots"),
    Missed("slot_of_one_generation", "budget of two generations", OVER),
    Missed("slot_after_the_last", "budget, one process each", OVER),
    Missed("release_after_unpaid_end", "budget", OVER),
    Missed("promotion_after_its_judge", "promotions", "champion 2 was judged against champion 0"),
    Missed("decision_before_promotion", "promotions", "champion 1 was promoted without a decision"),
    Missed("decision_after_those_read", "promotions", "A was decided on twice against the same champion"),
)


def lawless(missed: Missed) -> AnyWorld:
    """The world in which a rule is missed, without that rule."""
    return replace(SMALL[missed.world], rules=EVERY_RULE.without(missed.rule))
