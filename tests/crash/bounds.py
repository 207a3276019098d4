"""What is paid again by itself has a bound: no training is submitted, and no image asked for, without end."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator

from tests.crash.finding import Finding
from tests.crash.lane import Lane
from tests.crash.stories import FAL_SUBMIT, REPLICATE_SUBMIT, SUBMIT
from tuneloop.emulator import LoggedRequest
from tuneloop.ledger.ledger import Ledger
from tuneloop.schemas.records import AnyTrainingRecord, Claimed, RunRecord

_SUBMITS = frozenset({SUBMIT, FAL_SUBMIT, REPLICATE_SUBMIT, "/v1/finetune"})
_POSTS_WITHOUT_A_PERSON = 2
"""In one attempt: the first, and one more after a doubt."""
_ASKS = 3
"""Of one image, in its life."""


def beyond_bounds(lane: Lane, runs: list[RunRecord]) -> Iterator[Finding]:
    """Count what the provider was sent, by its own log.

    Args:
        lane: Where the case was played.
        runs: What its runs have worked on.
    """
    sent = [entry for entry in lane.requests() if entry.method == "POST"]
    yield from _claims(lane, runs, sum(entry.path in _SUBMITS for entry in sent))
    yield from _images(lane, runs, sent)


def _claims(lane: Lane, runs: list[RunRecord], submits: int) -> Iterator[Finding]:
    allowed = 0
    for key in {run.key for run in runs}:
        records = [record for ledger in lane.ledgers() for record in ledger.history(key)]
        for attempt in {record.attempt for record in records}:
            mine = [record for record in records if record.attempt == attempt]
            allowed += _POSTS_WITHOUT_A_PERSON + _approved(mine)
    if submits > allowed + lane.foreign_submits:
        yield Finding("unbounded claims", f"{submits} submits were sent, and {allowed} are the most")


def _approved(records: list[AnyTrainingRecord]) -> int:
    """How often a person has let it through: each approval lies over a hold."""
    pairs = itertools.pairwise(records)
    return sum(isinstance(after, Claimed) and before.state == "held" for before, after in pairs)


def _images(lane: Lane, runs: list[RunRecord], sent: list[LoggedRequest]) -> Iterator[Finding]:
    paid = [entry for entry in lane.billing() if entry.kind == "inference"]
    of_each = Counter(
        (entry.name, str(entry.summary.get("prompt")), str(entry.summary.get("seed"))) for entry in paid
    )
    for (model, prompt, seed), times in of_each.items():
        if times > _ASKS:
            yield Finding("unbounded images", f"{model}, {prompt!r}, seed {seed}: paid for {times} times")
    asked = sum(_is_image(entry.path) for entry in sent)
    wanted = len(_wanted(lane.ledger, runs))
    if asked > _ASKS * wanted:
        yield Finding("unbounded images", f"{wanted} images were wanted, and {asked} times one was asked for")


def _is_image(path: str) -> bool:
    return path.startswith(("/v1/flux", "/v2/")) or path in {"/fal-ai/flux-lora", "/v1/predictions"}


def _wanted(ledger: Ledger, runs: list[RunRecord]) -> set[tuple[str, int, str, int]]:
    """Images that the runs of a case may ask for: those of each attempt, and those of the champion of then."""
    attempts = {(record.name, run.plan.digest): run for run in runs for record in ledger.history(run.key)}
    champions = {
        (f"{promotion.key}-{promotion.attempt}", run.plan.digest): run
        for run in runs
        for promotion in ledger.promotions(run.model)
    }
    return {
        (name, place, prompt, seed)
        for place, ((name, _), run) in enumerate({**attempts, **champions}.items())
        for prompt in run.plan.prompts
        for seed in run.plan.seeds
    }
