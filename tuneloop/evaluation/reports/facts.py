"""What a report says beside images and scores: findings, dataset, cost, lineage, rule."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import JsonValue

from tuneloop.datasets.store import manifest_name
from tuneloop.evaluation.observations import noticed
from tuneloop.evaluation.reports.grid import champion_label
from tuneloop.evaluation.reports.report import DecisionReport
from tuneloop.evaluation.reports.shortening import shortened
from tuneloop.evaluation.reports.stored import StoreLink, stored
from tuneloop.schemas.evaluation import Evaluation
from tuneloop.schemas.gate import GatePolicy
from tuneloop.schemas.spending import dollars
from tuneloop.storage.base import Store

_NAMES = 12
_PROMPT = 80
_LONGEST_VALUE = 400


@dataclass(frozen=True)
class Finding:
    """Something wrong with one image.

    Attributes:
        number: Place of its row in the grid, from 1.
        who: Whose image.
        what: What is wrong.
        where: Prompt and seed.
    """

    number: int
    who: str
    what: str
    where: str


@dataclass(frozen=True)
class Names:
    """Some file names of many.

    Attributes:
        title: What happened to them.
        count: How many there are.
        first: The first ones.
        more: How many are left out.
    """

    title: str
    count: int
    first: tuple[str, ...]
    more: int


@dataclass(frozen=True)
class Fact:
    """One line of a list of facts.

    Attributes:
        name: What.
        value: In words.
        code: Whether the value is for copying.
        link: Where it leads.
    """

    name: str
    value: str
    code: bool = False
    link: StoreLink | None = None


def findings(evidence: DecisionReport) -> tuple[Finding, ...]:
    """Everything wrong with any image, the challenger's first."""
    found = list(_findings("Challenger", evidence.challenger))
    if evidence.champion is not None:
        found += _findings(champion_label(evidence), evidence.champion)
    return tuple(found)


def _findings(who: str, evaluation: Evaluation) -> Iterator[Finding]:
    for number, image in enumerate(evaluation.images, 1):
        wrong = noticed(image)
        if wrong:
            yield Finding(number, who, wrong, f"{shortened(image.prompt, _PROMPT)}, seed {image.seed}")


def dataset_changes(evidence: DecisionReport) -> tuple[Names, ...]:
    """What has changed since the champion's dataset, by name."""
    difference = evidence.dataset_difference
    if difference is None:
        return ()
    every = (
        ("Added", difference.added),
        ("Removed", difference.removed),
        ("Caption changed", difference.recaptioned),
    )
    return tuple(
        Names(title, len(names), tuple(shortened(name, _PROMPT) for name in names[:_NAMES]), len(names[_NAMES:]))
        for title, names in every
        if names
    )


def dataset_facts(store: Store, evidence: DecisionReport) -> tuple[Fact, ...]:
    """The challenger's dataset."""
    manifest = evidence.manifest
    captioned = sum(item.caption is not None for item in manifest.items)
    return (
        Fact("Images", f"{len(manifest.items)}, {captioned} sent with a caption, {manifest.size_bytes:,} bytes"),
        Fact("Found in", shortened(manifest.source, _LONGEST_VALUE)),
        Fact("Digest", manifest.digest, code=True, link=stored(store, manifest_name(manifest.digest))),
    )


def cost(evidence: DecisionReport) -> tuple[Fact, ...]:
    """What was paid, as far as the records know it."""
    price = "not known to Tuneloop" if evidence.cents is None else dollars(evidence.cents)
    facts = [
        Fact("Training", f"{price}, billed to {evidence.run.account.slug}"),
        Fact("Images of the challenger", f"{_rendered(evidence.challenger)}. {_each(evidence.cents_per_image)}"),
    ]
    if evidence.champion is not None:
        facts.append(Fact("Images of the champion", _rendered(evidence.champion)))
    return tuple(facts)


def _each(cents: float | None) -> str:
    if cents is None:
        return "What one costs is not known to Tuneloop"
    return (
        f"A new one costs ${cents / 100:.4f}".rstrip("0")
        if cents % 1
        else f"A new one costs {dollars(int(cents))}"
    )


def _rendered(evaluation: Evaluation) -> str:
    there = sum(image.name is not None for image in evaluation.images)
    text = f"{there} of {len(evaluation.images)}; those of earlier decisions are used again and cost nothing"
    if evaluation.asked_again:
        text += f". {evaluation.asked_again} asked for once more, because an answer was lost: each may be billed"
    return text


def lineage(store: Store, evidence: DecisionReport) -> tuple[Fact, ...]:
    """Where the challenger comes from, and who decides about it."""
    run, collected = evidence.run, evidence.collected
    facts = [
        Fact("Training key", run.key, code=True),
        Fact("Job", collected.name, code=True),
        Fact("Provider's id", collected.job_id, code=True),
        Fact("Account", run.account.slug),
    ]
    if collected.weights:
        link = stored(store, collected.weights)
        facts.append(Fact("Weights", link.uri, code=True, link=link))
    else:
        facts.append(Fact("Weights", "stay at the provider, under its id"))
    if collected.sha256:
        facts.append(Fact("Sha256 of the weights", collected.sha256, code=True))
        facts.append(Fact("Size of the weights", f"{collected.size_bytes or 0:,} bytes"))
    facts += [
        Fact(record.state.capitalize(), f"{record.created_at:%Y-%m-%d %H:%M:%S} UTC") for record in evidence.steps
    ]
    facts.append(Fact("Decided by", evidence.decided_by))
    if evidence.decision:
        link = stored(store, evidence.decision)
        facts.append(Fact("Decision", link.uri, code=True, link=link))
    facts.append(Fact("Flow run", run.flow_run, code=True))
    return tuple(facts)


def recipe(evidence: DecisionReport) -> tuple[Fact, ...]:
    """The recipe, one line for each value that is set."""
    return tuple(
        Fact(name, shortened(str(value), _LONGEST_VALUE)) for name, value in _flat("", evidence.run.recipe)
    )


def _flat(name: str, value: JsonValue) -> Iterator[tuple[str, JsonValue]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(f"{name}.{key}" if name else key, inner)
    elif value is not None:
        yield name or "recipe", value


def policy(evidence: DecisionReport) -> tuple[tuple[Fact, str], ...]:
    """The gate's settings, each with what it means."""
    gate = evidence.run.plan.gate
    return tuple(
        (Fact(name.replace("_", " "), str(getattr(gate, name))), field.description or "")
        for name, field in GatePolicy.model_fields.items()
        if name != "weights"
    )
