"""Open blocks by their slugs, such as `s3-bucket/artifacts`."""

from __future__ import annotations

import pkgutil
from pathlib import Path
from typing import Any

import httpx
from botocore.exceptions import BotoCoreError
from prefect.blocks.core import Block
from prefect.client.orchestration import get_client
from prefect.filesystems import LocalFileSystem
from prefect.runtime import flow_run
from prefect_aws.s3 import S3Bucket
from pydantic import ValidationError

from tuneloop.errors import ConfigurationError
from tuneloop.http.addresses import check_encrypted
from tuneloop.http.retries import RUN_POLICY, RequestPolicy
from tuneloop.orchestration.credentials import ProviderCredentials
from tuneloop.orchestration.server_address import server_url
from tuneloop.orchestration.store_checks import check_driver, check_identity
from tuneloop.project.layer import BLOCKS, import_from_project
from tuneloop.providers.base import Provider
from tuneloop.schemas.spending import SpendingLimits
from tuneloop.settings import Settings
from tuneloop.storage.base import Store
from tuneloop.storage.local import LocalDirectory
from tuneloop.storage.s3 import CachingS3Store, client_config
from tuneloop.storage.s3_logs import NO_RUN, log_requests

_NOT_FOUND = 404
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
    block = _load(slug, _STORES)
    if isinstance(block, LocalFileSystem):
        if not block.basepath:
            raise ConfigurationError(f"block {slug} has no basepath; set it to the folder for artifacts")
        return LocalDirectory(Path(block.basepath).expanduser())
    if isinstance(block, S3Bucket):
        return CachingS3Store(_s3_client(block, slug), block.bucket_name, block.bucket_folder.strip("/"))
    raise ConfigurationError(f"block {slug} is not a store; name one of {_STORES}")


def _s3_client(block: S3Bucket, slug: str) -> Any:
    """Build the client from the block's own credentials, with our time-outs and retries.

    What the block's own `config` says wins, such as `request_checksum_calculation`.
    """
    credentials = block.credentials
    try:
        parameters = credentials.aws_client_parameters.get_params_override()
        parameters["config"] = client_config().merge(parameters.get("config") or client_config())
        client = credentials.get_boto3_session().client("s3", **parameters)
    except (BotoCoreError, ValueError) as error:
        raise ConfigurationError(f"block {slug} gives no S3 client: {error}") from None
    if (file := Settings().s3_request_log) is not None:
        log_requests(client, file, flow_run.id or NO_RUN)
    return client


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
    expected = " or ".join(f"`{kind}/NAME`" for kind in credentials_types())
    block = _load(slug, expected)
    if isinstance(block, ProviderCredentials):
        return block
    raise ConfigurationError(f"block {slug} holds no provider's credentials; name one of {expected}")


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


def _load(slug: str, expected: str) -> Block:
    kind, _, name = slug.partition("/")
    if not kind or not name:
        raise ConfigurationError(f"{slug!r} is not a block slug; pass {expected}")
    check_encrypted(server_url() or "", "the Prefect server", "the keys in its blocks")
    try:
        return Block.load(slug, _sync=True)  # type: ignore[call-arg, return-value]
    except RuntimeError as error:
        # Prefect's own error says only that it is invalid; what it was raised from shows what was put in.
        if not isinstance(error.__cause__, ValidationError):
            raise
        raise ConfigurationError(f"block {slug} cannot be used: {_faults(error.__cause__)}") from None
    except ValidationError as error:
        raise ConfigurationError(f"block {slug} cannot be used: {_faults(error)}") from None
    except ValueError as error:
        if "Unable to find" not in str(error):
            raise ConfigurationError(f"block {slug} cannot be read: {error}") from None
        raise ConfigurationError(
            f"block {slug} not found; create it in the Prefect UI (Blocks), or pass another ({expected})"
        ) from None


def _faults(error: ValidationError) -> str:
    """Which fields are invalid and why, never their values."""
    faults = error.errors(include_url=False, include_context=False, include_input=False)
    return "; ".join(
        f"{'.'.join(map(str, fault['loc'])) or 'the block'}: {fault['msg'].removeprefix('Value error, ')}"
        for fault in faults
    )
