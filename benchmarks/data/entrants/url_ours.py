"""Our way from a provider's address into the store."""

from __future__ import annotations

import json
from collections.abc import Callable

import boto3

from tuneloop.errors import ProviderError, RequestRefused
from tuneloop.storage.s3 import S3Store, client_config
from tuneloop.storage.store import Store
from tuneloop.transport import Answer, Transport


def into_store(url: str, access: str, bucket: str) -> Callable[[], None]:
    """Stream an address into an S3 store; `access` is what boto3's client takes, as JSON."""
    client = boto3.client("s3", config=client_config(), **json.loads(access))
    store = S3Store(client, bucket, "ours")
    return lambda: ours(url, store)


def ours(url: str, store: Store) -> None:
    """What collecting weights does."""
    transport = Transport("bench", "http://127.0.0.1", ("x-key", "none"), _refused)
    with transport.open_stream(url) as (_, chunks):
        store.write_stream("weights.safetensors", chunks)


def _refused(answer: Answer) -> ProviderError:
    return RequestRefused("the origin refused", **answer.details)
