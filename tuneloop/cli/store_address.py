"""A store by its address, for commands that only look: no block, no Prefect."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import boto3
from botocore.exceptions import BotoCoreError

from tuneloop.errors import ConfigurationError
from tuneloop.settings import Settings
from tuneloop.storage.base import Store
from tuneloop.storage.identity import identity_of
from tuneloop.storage.local import LocalDirectory
from tuneloop.storage.s3 import S3Store, client_config

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_FORMS = "write file:///folder or s3://bucket/prefix"


def store_at(address: str) -> Store:
    """Open the store at an address, to look at it; on S3 with the keys that the settings or boto3 have.

    Raises:
        ConfigurationError: It is no such address, or there is nothing to open it with.
        StoreError: There is no store.
    """
    store = _opened(address)
    identity_of(store)
    return store


def _opened(address: str) -> Store:
    parts = urlsplit(address)
    if "@" in parts.netloc:
        raise ConfigurationError(f"an address of a store holds no keys; {_FORMS}")
    if parts.query or parts.fragment:
        raise ConfigurationError(f"{address} is not a store address: escape ? as %3F and # as %23; {_FORMS}")
    path = unquote(parts.path)
    if parts.scheme == "file" and not parts.netloc and path.startswith("/"):
        if not Path(path).is_dir():
            raise ConfigurationError(f"{address}: there is no folder {path}")
        return LocalDirectory(Path(path))
    if parts.scheme == "s3" and parts.netloc:
        return S3Store(_s3_client(address), parts.netloc, path.strip("/"))
    raise ConfigurationError(f"{address} is not a store address; {_FORMS}")


def _s3_client(address: str) -> S3Client:
    settings = Settings()
    secret = settings.s3_secret_key
    try:
        return boto3.client(
            "s3",
            endpoint_url=settings.s3_endpoint,
            aws_access_key_id=settings.s3_access_key,
            aws_secret_access_key=secret.get_secret_value() if secret else None,
            config=client_config(),
        )
    except (BotoCoreError, ValueError) as error:
        raise ConfigurationError(f"{address}: {error}; correct the S3 settings") from None
