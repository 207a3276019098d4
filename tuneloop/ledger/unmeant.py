"""Trainings that nobody has asked for: the same as before, but for a changed label or default."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from pydantic import BaseModel, JsonValue

from tuneloop.errors import ConfigurationError
from tuneloop.ledger.accounts import kept_origin, origin_of
from tuneloop.ledger.ledger import Ledger
from tuneloop.schemas.canonical import without_empty
from tuneloop.schemas.recipe_fields import RecipeFields
from tuneloop.schemas.records import Claimed, RunFile

_AT_ONCE = 16
_Path = tuple[str, ...]


def check_meant(ledger: Ledger, run: RunFile, recipe: RecipeFields, base_url: str) -> None:
    """Refuse to pay for a training that differs from one of this model in nothing that a person has changed.

    Args:
        ledger: The ledger.
        run: What a run would work on.
        recipe: Its recipe, which knows what the user has set and what was filled in.
        base_url: Where its account is.

    Raises:
        ConfigurationError: The message names the training, what differs and the remedy.
    """
    if run.retrain_reason or ledger.last(run.key) is not None:
        return
    for claim in _trained_for(ledger, run.model):
        changes = _unmeant_changes(ledger, claim, run, recipe, base_url)
        if changes is not None:
            what = "; ".join(changes) or "this version of Tuneloop only names the same training in another way"
            raise ConfigurationError(
                f"nothing was submitted: {run.model} was trained on these pictures before ({claim.name}), and you "
                f"have changed nothing since: {what}. To pay for it once more all the same, run it with a reason "
                "in retrain_unchanged"
            )


def _trained_for(ledger: Ledger, model: str) -> Iterator[Claimed]:
    """The claim of every training that was judged for a model, or is in flight for it."""
    folder = f"models/{model}/decisions/"
    keys = {name[len(folder) :].partition("-g")[0] for name in ledger.store.names(folder)}
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        runs = threads.map(ledger.run, {marker.flow_run for marker in ledger.markers()})
        keys |= {run.key for run in runs if run is not None and run.model == model}
    for key in sorted(keys):
        yield from [record for record in ledger.history(key) if isinstance(record, Claimed)][-1:]


def _unmeant_changes(
    ledger: Ledger, claim: Claimed, run: RunFile, recipe: RecipeFields, base_url: str
) -> list[str] | None:
    """What differs, in words; None where something differs that a person has changed."""
    if claim.dataset_digest != run.dataset_digest or claim.account.provider != run.account.provider:
        return None
    changes = []
    if claim.account != run.account:
        if kept_origin(ledger, claim.account) not in {None, origin_of(base_url)}:
            return None  # really another account
        changes.append(
            f"the account label was {claim.account.label} and is {run.account.label} (for the same account, put "
            "the old one into the field account of the credentials block)"
        )
    was, now = (dict(_leaves(without_empty(document))) for document in (claim.recipe, run.recipe))
    set_by_user = set(_set_fields(recipe))
    for path in sorted(was.keys() | now.keys()):
        if was.get(path) == now.get(path) or path[0] in recipe.outside_the_key:
            continue
        if path in set_by_user:
            return None
        changes.append(
            f"recipe.{'.'.join(path)} was {_word(was.get(path))} and is {_word(now.get(path))} by default (to "
            "keep it, write the old value into the recipe)"
        )
    return changes


def _leaves(value: JsonValue, path: _Path = ()) -> Iterator[tuple[_Path, JsonValue]]:
    """Every value that is set, by its path."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(item, (*path, key))
    else:
        yield path, value


def _set_fields(model: BaseModel, path: _Path = ()) -> Iterator[_Path]:
    """Paths of all fields that the user has written down; the form writes down all of them."""
    for name in model.model_fields_set:
        value = getattr(model, name)
        if isinstance(value, BaseModel):
            yield from _set_fields(value, (*path, name))
        else:
            yield (*path, name)


def _word(value: JsonValue) -> str:
    return "not set" if value is None else str(value)
