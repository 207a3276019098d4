"""What a run works with: its opened store, ledger and account."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from prefect.runtime import flow_run

from tuneloop.errors import ConfigurationError, StoreError
from tuneloop.ledger.ledger import Ledger
from tuneloop.ledger.training import TrainingLog
from tuneloop.orchestration.blocks import open_account, open_store, store_of
from tuneloop.orchestration.store_checks import check_account, check_driver
from tuneloop.providers.base import Provider
from tuneloop.providers.registry import recorded_recipe
from tuneloop.registry.promotions import Registry
from tuneloop.schemas.recipe_fields import BaseRecipe
from tuneloop.schemas.records import RunRecord
from tuneloop.schemas.spending import SpendingLimits
from tuneloop.settings import Settings
from tuneloop.storage.base import Store
from tuneloop.storage.identity import StoreIdentity, check_clock, verify

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from tuneloop.datasets.archive import DatasetArchive
    from tuneloop.evaluation.metrics.clip import Encoder


@dataclass
class RunContext:
    """Opened blocks: an artifact store with its records, and the account that pays."""

    store: Store
    ledger: Ledger
    provider: Provider
    limits: SpendingLimits
    store_slug: str
    credentials_slug: str
    identity: StoreIdentity
    flow_run: str
    verified: bool = False
    """The store was verified by this process."""

    def __post_init__(self) -> None:
        self.registry = Registry(self.ledger)

    def load_run(self) -> RunRecord | None:
        """What this flow run works on, None where it has not decided yet."""
        return self.ledger.run(self.flow_run)

    def verify_store(self) -> None:
        """Verify the store in a run that is to pay: one that has nothing to do need not.

        Raises:
            StoreError: It cannot be written, does not create once, keeps another time, or is another one by now.
        """
        self._check_same(verify(self.store))
        self.verified = True

    def check_store(self) -> None:
        """Verify, just before a payment, that the store is still the one that was opened, and keeps our time.

        Raises `StoreError` where it is not, for a run may have waited for days. A process that has not verified
        the store yet does that instead.
        """
        if self.verified:
            self._check_same(check_clock(self.store))
        else:
            self.verify_store()

    def _check_same(self, identity: StoreIdentity) -> None:
        found, known = identity.store_id, self.identity.store_id
        if found != known:
            raise StoreError(
                f"{self.store_slug}: {self.store.uri} was store {known} when this run began and is store "
                f"{found} now; put the first one back, then run again"
            )

    def recipe(self, run: RunRecord) -> BaseRecipe:
        """The recipe that a run has decided on."""
        return recorded_recipe.validate_python(run.recipe)

    def archive(self, run: RunRecord) -> DatasetArchive:
        """The zip of a run's dataset, made from the store."""
        # Most runs find nothing changed. What they do not need they do not import.
        from tuneloop.datasets.archive import DatasetArchive  # noqa: PLC0415
        from tuneloop.datasets.copies import load_copies  # noqa: PLC0415
        from tuneloop.datasets.store import load_manifest  # noqa: PLC0415

        copies = load_copies(run.dataset_digest, self.recipe(run).normalize, self.store).copies
        return DatasetArchive(load_manifest(run.dataset_digest, self.store), self.store, copies)

    def bucket_client(self, bucket: str) -> S3Client:
        """The client for a dataset's bucket: the store's own where that is on S3, else boto3's."""
        from tuneloop.datasets.sources.s3 import default_client  # noqa: PLC0415 - as above
        from tuneloop.storage.s3 import S3Store  # noqa: PLC0415 - as above

        return self.store.client if isinstance(self.store, S3Store) else default_client(bucket)


def open_context(store: str, credentials: str, *, read_only: bool = False) -> RunContext:
    """Open the blocks of a store and an account that this Prefect server may act on; `read_only` writes nothing.

    Raises:
        ConfigurationError: A block is missing or of another kind, or the account is not the one the store knows.
        StoreError: It is no store, or not the one it should be.
    """
    provider, limits = open_account(credentials)
    opened = store_of(store)
    identity = check_driver(store, opened)
    check_account(store, opened, identity, provider, read_only=read_only)
    return RunContext(opened, Ledger(opened), provider, limits, store, credentials, identity, str(flow_run.id))


def find_unfinished_run(store: str, flow_run_id: str) -> RunRecord | None:
    """Find what another flow run has left to do; where that is nothing, take its marker away and return None.

    Raises:
        ConfigurationError: The store's block is missing or of another kind, or the store has no such run.
        StoreError: It is no store, or not the one it should be.
    """
    ledger = Ledger(open_store(store))
    run = ledger.run(flow_run_id)
    if run is None:
        raise ConfigurationError(f"{store} has no run {flow_run_id}; copy its id from `tuneloop status`")
    if not Registry(ledger).is_run_finished(run, TrainingLog.of(ledger, run).last):
        return run
    ledger.unmark(run)
    return None


def load_clip_encoder() -> Encoder | None:
    """Load the model that `TUNELOOP_CLIP_MODEL` names, once in a process; None where it names none.

    Raises `ConfigurationError` where it cannot be used. Ask before anything is paid.
    """
    setting = Settings().clip_model
    if not setting:
        return None
    from tuneloop.evaluation.metrics.clip import load  # noqa: PLC0415 - as above

    return load(setting)
