"""The providers: one row for each, and what follows from the rows."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias, TypeVar, Union, cast

from pydantic import BeforeValidator, Field, TypeAdapter

from tuneloop import redaction
from tuneloop.errors import ConfigurationError
from tuneloop.providers.bfl import webhook as bfl_webhook
from tuneloop.providers.bfl.recipes import BflFinetuneRecipe
from tuneloop.providers.fal import webhook as fal_webhook
from tuneloop.providers.fal.recipes import RECIPES as FAL_RECIPES
from tuneloop.providers.replicate import webhook as replicate_webhook
from tuneloop.providers.replicate.recipes import RECIPES as REPLICATE_RECIPES
from tuneloop.providers.segmind import webhook as segmind_webhook
from tuneloop.providers.segmind.recipes import FluxLoraRecipe, KontextLoraRecipe, QwenLoraRecipe
from tuneloop.schemas.recipe_fields import AdoptedRecipe, BaseRecipe, trainer_of
from tuneloop.schemas.recipe_form import RecipeFormSchema, from_form
from tuneloop.schemas.render_settings import SERVICES, ServiceSettings, endpoint_of

if TYPE_CHECKING:
    from tuneloop.providers.base import Provider
    from tuneloop.schemas.records import RunRecord

_T = TypeVar("_T")


@dataclass(frozen=True)
class ProviderRow:
    """One provider.

    By its name follow `blocks/<name>_credentials.py`, `tuneloop/emulator/<name>/` and `tests/wire/<name>.json`.

    Attributes:
        name: Its name, and that of its folder here.
        client_class: Name of its client in the folder's `client.py`.
        recipes: One for each of its trainers, the usual one first. They name the services that render.
        webhook_steps: What remains to be done so that it calls, by whether the block sends it the right address,
            and whether the block has a secret.
        key: What its API keys look like, None where they have no form of their own.
    """

    name: str
    client_class: str
    recipes: tuple[type[BaseRecipe], ...]
    webhook_steps: Callable[[bool, bool], list[str]]
    key: re.Pattern[str] | None = None

    @property
    def client(self) -> type[Provider]:
        """Its client, imported when it is asked for: HTTP takes a while to import, and recipes do not need it."""
        module = import_module(f"tuneloop.providers.{self.name}.client")
        return cast("type[Provider]", getattr(module, self.client_class))

    @property
    def credentials(self) -> str:
        return f"{self.name}-credentials"

    @property
    def services(self) -> tuple[type[ServiceSettings], ...]:
        return tuple(dict.fromkeys(service for recipe in self.recipes for service in recipe.services))


PROVIDERS = (
    ProviderRow(
        name="segmind",
        client_class="SegmindProvider",
        recipes=(FluxLoraRecipe, KontextLoraRecipe, QwenLoraRecipe),
        webhook_steps=segmind_webhook.webhook_steps,
        key=re.compile(r"SG_[0-9A-Za-z]{8,}"),
    ),
    ProviderRow(
        name="bfl",
        client_class="BflProvider",
        recipes=(BflFinetuneRecipe,),
        webhook_steps=bfl_webhook.webhook_steps,
    ),
    ProviderRow(
        name="fal",
        client_class="FalProvider",
        recipes=FAL_RECIPES,
        webhook_steps=fal_webhook.webhook_steps,
        key=re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}:[0-9a-f]{32}"),
    ),
    ProviderRow(
        name="replicate",
        client_class="ReplicateProvider",
        recipes=REPLICATE_RECIPES,
        webhook_steps=replicate_webhook.webhook_steps,
        key=re.compile(r"r8_[0-9A-Za-z]{20,}"),
    ),
)

TRAINERS = {trainer_of(recipe): recipe for row in PROVIDERS for recipe in row.recipes}
"""Every recipe by the name of its trainer."""
ADOPTED = {name: AdoptedRecipe.made_by(recipe) for name, recipe in TRAINERS.items()}
"""The recipes of models that were trained elsewhere, by the trainer that made them."""
DEFAULT_CREDENTIALS = f"{PROVIDERS[0].credentials}/default"
"""The account that is meant where none is named."""

SERVICES.update({endpoint_of(service): service for row in PROVIDERS for service in row.services})
redaction.KEYS.extend(row.key for row in PROVIDERS if row.key is not None)

if TYPE_CHECKING:
    Recipe: TypeAlias = BaseRecipe
    RecordedRecipe: TypeAlias = BaseRecipe
    Trainer: TypeAlias = str
else:
    _BY_TRAINER = Field(discriminator="trainer")
    _typed = BeforeValidator(partial(from_form, recipes=TRAINERS))
    Recipe = Annotated[Annotated[Union[tuple(TRAINERS.values())], _BY_TRAINER], _typed, RecipeFormSchema(TRAINERS)]  # noqa: UP007
    RecordedRecipe = Annotated[Union[(*TRAINERS.values(), *ADOPTED.values())], _BY_TRAINER]
    Trainer = Literal[tuple(TRAINERS)]

recorded_recipe: TypeAdapter[BaseRecipe] = TypeAdapter(RecordedRecipe)
"""Any recipe that a record may hold."""


def row_of(provider: str) -> ProviderRow:
    """The row of one provider. Raises `ConfigurationError` where there is none of this name."""
    return _named(provider, {row.name: row for row in PROVIDERS}, "provider")


def recipe_type(provider: str | None, trainer: str | None) -> type[BaseRecipe]:
    """Find the recipe of a trainer; where none is named, of the provider's first one.

    Raises:
        ConfigurationError: There is no such provider or trainer, or the trainer is another provider's.
    """
    rows = PROVIDERS if provider is None else (row_of(provider),)
    recipes = {trainer_of(recipe): recipe for row in rows for recipe in row.recipes}
    return next(iter(recipes.values())) if trainer is None else _named(trainer, recipes, "trainer")


def trainer_name(run: RunRecord) -> str:
    """What trains a run: its trainer and its account."""
    return f"{recorded_recipe.validate_python(run.recipe).trainer} at {run.account.slug}"


def _named(name: str, known: Mapping[str, _T], what: str) -> _T:
    if name not in known:
        raise ConfigurationError(f"{what}: {name} is not known; choose one of {', '.join(known)}")
    return known[name]
