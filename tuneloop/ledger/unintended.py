"""Trainings that were not requested: the same as before, but for a changed label or default."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pydantic import BaseModel, JsonValue

from tuneloop.errors import ConfigurationError
from tuneloop.ledger.accounts import kept_origin, origin_of
from tuneloop.ledger.ledger import Ledger
from tuneloop.ledger.training import is_revivable
from tuneloop.schemas.canonical import drop_empty
from tuneloop.schemas.recipe_fields import BaseRecipe
from tuneloop.schemas.records import Claimed, RunRecord

_Path = tuple[str, ...]


def check_intended(ledger: Ledger, run: RunRecord, recipe: BaseRecipe, base_url: str) -> None:
    """Reject a training that differs from one of this model in nothing that the user has changed.

    The recipe is the parsed one, which knows what the user has set and what was filled in.

    Raises:
        ConfigurationError: The message names the training, what differs and the remedy.
    """
    if run.retrain_reason:
        return
    folder = _folder(run)
    keys = [name[len(folder) :] for name in ledger.store.names(folder)]
    if not keys or ledger.last(run.key) is not None:
        return
    for claim in _claims(ledger, keys):
        changes = _unintended_changes(ledger, claim, run, recipe, base_url)
        if changes is not None:
            what = (
                "; ".join(changes) or "this version of Tuneloop only identifies the same training in another way"
            )
            raise ConfigurationError(
                f"nothing was submitted: {run.model} was trained on these images before ({claim.name}), and you "
                f"have changed nothing since: {what}. To pay for it once more all the same, run it with a reason "
                "in force_reason"
            )


def note_training(ledger: Ledger, run: RunRecord) -> None:
    """Leave the key of a training that is about to be begun where `check_intended` looks for it.

    Where the run dies before it claims, it says nothing.
    """
    ledger.store.create(f"{_folder(run)}{run.key}", b"")


def _claims(ledger: Ledger, keys: Iterable[str]) -> Iterator[Claimed]:
    """The claim of every training; not of those that have ended without a bill."""
    for key in keys:
        history = ledger.history(key)
        ends = {record.attempt: record for record in history}
        claims = [record for record in history if isinstance(record, Claimed)]
        yield from [claim for claim in claims if not is_revivable(ends[claim.attempt])][-1:]


def _folder(run: RunRecord) -> str:
    return f"trained/{run.model}/{run.dataset_digest}/"


def _unintended_changes(
    ledger: Ledger, claim: Claimed, run: RunRecord, recipe: BaseRecipe, base_url: str
) -> list[str] | None:
    """What differs; None where something differs that the user has changed."""
    if claim.account.provider != run.account.provider:
        return None
    changes = []
    if claim.account != run.account:
        if kept_origin(ledger, claim.account) not in {None, origin_of(base_url)}:
            return None  # really another account
        changes.append(
            f"the account label was {claim.account.label} and is {run.account.label} (for the same account, put "
            "the old one into the field account of the credentials block)"
        )
    was, now = (dict(_leaves(drop_empty(document))) for document in (claim.recipe, run.recipe))
    set_by_user = set(_set_fields(recipe))
    for path in sorted(was.keys() | now.keys()):
        if was.get(path) == now.get(path) or path[0] in recipe.excluded_from_key:
            continue
        if path in set_by_user:
            return None
        changes.append(
            f"recipe.{'.'.join(path)} was {_shown(was.get(path))} and is {_shown(now.get(path))} by default (to "
            "keep it, write the old value into the recipe)"
        )
    return changes


def _leaves(value: JsonValue, path: _Path = ()) -> Iterator[tuple[_Path, JsonValue]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(item, (*path, key))
    else:
        yield path, value


def _set_fields(model: BaseModel, path: _Path = ()) -> Iterator[_Path]:
    """Paths of all fields that the user has set; the form sets all of them."""
    for name in model.model_fields_set:
        value = getattr(model, name)
        if isinstance(value, BaseModel):
            yield from _set_fields(value, (*path, name))
        else:
            yield (*path, name)


def _shown(value: JsonValue) -> str:
    return "not set" if value is None else str(value)
