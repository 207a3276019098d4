"""What a run works with: its opened store, ledger and account."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import JsonValue

from tuneloop.datasets.archive import DatasetArchive
from tuneloop.datasets.copies import load_copies
from tuneloop.datasets.sources.s3 import default_client
from tuneloop.datasets.store import load_manifest
from tuneloop.errors import StoreError
from tuneloop.ledger.ledger import Ledger
from tuneloop.orchestration.blocks import open_account, store_of
from tuneloop.orchestration.store_checks import check_account, check_driver
from tuneloop.providers.base import Provider
from tuneloop.providers.registry import recorded_recipe
from tuneloop.schemas.recipe_fields import BaseRecipe
from tuneloop.schemas.records import RunRecord
from tuneloop.schemas.spending import SpendingLimits
from tuneloop.storage.base import Store
from tuneloop.storage.identity import StoreIdentity
from tuneloop.storage.s3 import S3Store
from tuneloop.storage.self_check import check_clock, verify

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@dataclass
class RunContext:
    """Opened blocks.

    Attributes:
        store: The artifact store.
        ledger: Its records.
        provider: The account that pays.
        limits: What it may spend.
        store_slug: The store's block.
        credentials_slug: The account's block.
        identity: Which store it is.
        tried: The store was tried by this process.
    """

    store: Store
    ledger: Ledger
    provider: Provider
    limits: SpendingLimits
    store_slug: str
    credentials_slug: str
    identity: StoreIdentity
    tried: bool = False

    def try_store(self) -> None:
        """Show that the store keeps its promises, in a run that is to pay: one that ends unchanged need not.

        Raises:
            StoreError: It cannot be written, does not create once, keeps another time, or is another one by now.
        """
        self._check_same(verify(self.store))
        self.tried = True

    def check_store(self) -> None:
        """Show, just before a payment, that the store is still the one that was opened, and keeps our time.

        Raises:
            StoreError: It is not: a run may have waited for days since. As `try_store`, in a process that has not
                tried it yet.
        """
        if self.tried:
            self._check_same(check_clock(self.store))
        else:
            self.try_store()

    def _check_same(self, identity: StoreIdentity) -> None:
        found, known = identity.store_id, self.identity.store_id
        if found != known:
            raise StoreError(
                f"{self.store_slug}: {self.store.uri} was store {known} when this run began and is store "
                f"{found} now; put the first one back, then run again"
            )

    def recipe(self, run: RunRecord) -> BaseRecipe:
        """The recipe that a run has decided on."""
        return recipe_of(run.recipe)

    def archive(self, run: RunRecord) -> DatasetArchive:
        """The zip of a run's dataset, made from the store."""
        copies = load_copies(run.dataset_digest, self.recipe(run).normalize, self.store).copies
        return DatasetArchive(load_manifest(run.dataset_digest, self.store), self.store, copies)

    def bucket_client(self, bucket: str) -> S3Client:
        """What reads a dataset's bucket: the store's own client, where the store is on S3; else boto3's own."""
        return self.store.client if isinstance(self.store, S3Store) else default_client(bucket)

    def trigger_word(self, run: RunRecord) -> str | None:
        """What {trigger} stands for in this run's prompts."""
        return self.recipe(run).trigger


def recipe_of(document: JsonValue) -> BaseRecipe:
    """Read a recipe from a record."""
    return recorded_recipe.validate_python(document)


def open_context(store: str, credentials: str, *, read_only: bool = False) -> RunContext:
    """Open the blocks of a store and an account that this Prefect server may act on.

    Args:
        store: Slug of the store's block.
        credentials: Slug of the credentials block.
        read_only: Write nothing.

    Raises:
        ConfigurationError: A block is missing or of another kind, or the account is not the one the store knows.
        StoreError: It is no store, or not the one it should be.
    """
    provider, limits = open_account(credentials)
    opened = store_of(store)
    identity = check_driver(store, opened)
    check_account(store, opened, identity, provider, read_only=read_only)
    return RunContext(opened, Ledger(opened), provider, limits, store, credentials, identity)
