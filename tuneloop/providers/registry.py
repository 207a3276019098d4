"""What each trainer can do, as a table for people."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tuneloop.providers.base import Capabilities, Provider
from tuneloop.providers.bfl import webhook as bfl_webhook
from tuneloop.providers.bfl.client import BflProvider
from tuneloop.providers.segmind import webhook as segmind_webhook
from tuneloop.providers.segmind.client import SegmindProvider
from tuneloop.schemas.bfl_recipe import BflFinetuneRecipe
from tuneloop.schemas.recipe_fields import BaseRecipe
from tuneloop.schemas.segmind_recipes import FluxLoraRecipe, KontextLoraRecipe, QwenLoraRecipe

PROVIDERS: tuple[type[Provider], ...] = (SegmindProvider, BflProvider)
TRAINERS: tuple[type[BaseRecipe], ...] = (FluxLoraRecipe, KontextLoraRecipe, QwenLoraRecipe, BflFinetuneRecipe)
WEBHOOK_VERIFIERS: dict[str, Callable[[Mapping[str, str], bytes, str | None], str | None]] = {
    "segmind": segmind_webhook.verify,
    "bfl": bfl_webhook.verify,
}
"""Checks a webhook call of each provider."""

_COLUMNS = (
    "trainer",
    "provider",
    "dataset",
    "list shows states",
    "found by name",
    "cancel",
    "weights",
    "rendered by",
    "public or private",
    "webhook",
    "takes new trainings",
)


def capability_table() -> str:
    """The table as markdown."""
    clients = {client.name: client.capabilities for client in PROVIDERS}
    rows = [_COLUMNS, ("---",) * len(_COLUMNS)]
    rows += [_row(trainer, clients[trainer.provider]) for trainer in TRAINERS]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n"


def _row(trainer: type[BaseRecipe], can: Capabilities) -> tuple[str, ...]:
    name = str(trainer.model_fields["trainer"].default)
    kind = "edit pairs" if trainer.edit_pairs else "images"
    way = "presigned upload, or a public address" if can.upload else "within the submit"
    services = ", ".join(str(service.model_fields["endpoint"].default) for service in trainer.services)
    return (
        f"`{name}`",
        trainer.provider,
        f"{kind}; {way}",
        _yes(can.list_has_status),
        "yes" if can.list_is_complete else "yes, but absence proves nothing",
        _yes(can.cancel),
        _yes(can.weights) if can.weights else "no: used by its id",
        services,
        _yes(can.visibility),
        _yes(can.webhook),
        can.takes_trainings,
    )


def _yes(can: bool) -> str:
    return "yes" if can else "no"
