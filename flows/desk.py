"""What a run works with: its opened store, ledger and account."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import TypeAdapter

from blocks.opening import open_provider, open_store
from tuneloop.ledger import Ledger
from tuneloop.providers.provider import Provider
from tuneloop.storage.store import Store
from tuneloop.storage.verification import verify
from tuneloop.values.recipes import FluxLoraRecipe, Recipe
from tuneloop.values.records import RunFile

_RECIPE: TypeAdapter[FluxLoraRecipe] = TypeAdapter(Recipe)


@dataclass(frozen=True)
class Desk:
    """Opened blocks.

    Attributes:
        store: The artifact store.
        ledger: Its records.
        provider: The account that pays.
        store_slug: The store's block.
        credentials_slug: The account's block.
    """

    store: Store
    ledger: Ledger
    provider: Provider
    store_slug: str
    credentials_slug: str

    def recipe(self, run: RunFile) -> FluxLoraRecipe:
        """The recipe that a run has decided on."""
        return _RECIPE.validate_python(run.recipe)

    def trigger_word(self, run: RunFile) -> str:
        """What {trigger} stands for in this run's prompts."""
        return self.recipe(run).trigger_word


def open_desk(store: str, credentials: str) -> Desk:
    """Open the blocks, and show before anything is paid that the store keeps its promises.

    Args:
        store: Slug of the store's block.
        credentials: Slug of the credentials block.

    Raises:
        ConfigurationError: A block is missing or of another kind.
        StoreError: The store cannot be written, or does not create once.
    """
    provider = open_provider(credentials)
    opened = open_store(store)
    verify(opened)
    return Desk(opened, Ledger(opened), provider, store, credentials)
