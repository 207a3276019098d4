"""Open blocks by their slugs, such as `s3-bucket/artifacts`."""

from __future__ import annotations

import pkgutil
from pathlib import Path

import httpx
from prefect.client.orchestration import get_client
from prefect.filesystems import LocalFileSystem

from tuneloop.errors import ConfigurationError
from tuneloop.http.retries import RUN_POLICY, RequestPolicy
from tuneloop.orchestration.block_loading import load_block
from tuneloop.orchestration.credentials import ProviderCredentials
from tuneloop.orchestration.store_checks import check_driver, check_identity
from tuneloop.project.layer import BLOCKS, import_from_project
from tuneloop.providers.base import Provider
from tuneloop.schemas.spending import SpendingLimits
from tuneloop.storage.base import Store
from tuneloop.storage.local import LocalDirectory

_NOT_FOUND = 404
_S3_BUCKET, _FOLDER = "s3-bucket", "local-file-system"
_STORES = "`s3-bucket/NAME` or `local-file-system/NAME`"


def open_store(slug: str) -> Store:
    """Open an artifact store by its S3 Bucket or Local File System block, to read it or for a command.

    Raises:
        ConfigurationError: There is no such block, or it is of another kind.
        StoreError: It is no store, or another one than the Prefect server knows.
    """
    store = store_of(slug)
    check_identity(slug, store)
    return store


def drive_store(slug: str) -> Store:
    """Open an artifact store to act on its trainings.

    Raises:
        ConfigurationError, StoreError: As `open_store`, or another Prefect server drives it.
    """
    store = store_of(slug)
    check_driver(slug, store)
    return store


def store_of(slug: str) -> Store:
    """What a block stands for, whether there is a store or not. Raises `ConfigurationError` as `open_store`."""
    kind = slug.partition("/")[0]
    if kind == _S3_BUCKET:
        from tuneloop.orchestration.s3_store import s3_store_of  # noqa: PLC0415 - a folder needs no boto3

        return s3_store_of(slug, lambda: _STORES)
    block = load_block(slug, LocalFileSystem if kind == _FOLDER else None, lambda: _STORES)
    if not isinstance(block, LocalFileSystem):
        raise ConfigurationError(f"block {slug} is not a store; name one of {_STORES}")
    if not block.basepath:
        raise ConfigurationError(f"block {slug} has no basepath; set it to the folder for artifacts")
    return LocalDirectory(Path(block.basepath).expanduser())


def open_provider(slug: str, policy: RequestPolicy = RUN_POLICY) -> Provider:
    """Open an account at a provider by its credentials block.

    Raises:
        ConfigurationError: There is no such block, or it is of another kind.
    """
    return open_account(slug, policy)[0]


def open_account(slug: str, policy: RequestPolicy = RUN_POLICY) -> tuple[Provider, SpendingLimits]:
    """Open an account at a provider, with what it may spend. Raises `ConfigurationError` as `open_provider`."""
    block = load_credentials(slug)
    return block.get_provider(policy), block.spending.limits


def load_credentials(slug: str) -> ProviderCredentials:
    """Load the credentials block of an account. Raises `ConfigurationError` as `open_provider`."""

    def expected() -> str:
        return " or ".join(f"`{kind}/NAME`" for kind in credentials_types())

    block = load_block(slug, _credentials_type(slug.partition("/")[0]), expected)
    if isinstance(block, ProviderCredentials):
        return block
    raise ConfigurationError(f"block {slug} holds no provider's credentials; name one of {expected()}")


def _credentials_type(kind: str) -> type[ProviderCredentials] | None:
    """The block type of a slug. One whose module is called as itself needs none of the others."""
    module = f"{BLOCKS}.{kind.replace('-', '_')}"
    try:
        import_from_project(module)
    except ModuleNotFoundError as error:
        if not module.startswith(error.name or module):
            raise
    loaded = {each.get_block_type_slug(): each for each in ProviderCredentials.__subclasses__()}
    return loaded.get(kind) or credentials_types().get(kind)


def credentials_types() -> dict[str, type[ProviderCredentials]]:
    """The block types that the project defines in its folder `blocks`, by their slugs."""
    for module in pkgutil.iter_modules(import_from_project(BLOCKS).__path__, f"{BLOCKS}."):
        import_from_project(module.name)
    kinds = {kind.get_block_type_slug(): kind for kind in ProviderCredentials.__subclasses__()}
    return dict(sorted(kinds.items()))


def all_credentials() -> list[str]:
    """Slugs of every credentials block on the Prefect server."""
    slugs = []
    with get_client(sync_client=True) as client:
        for kind in credentials_types():
            try:
                documents = client.read_block_documents_by_type(kind)
            except httpx.HTTPStatusError as error:
                # A kind of block that nobody has saved yet is unknown to the server.
                if error.response.status_code != _NOT_FOUND:
                    raise
                continue
            slugs += [f"{kind}/{document.name}" for document in documents if document.name]
    return slugs
