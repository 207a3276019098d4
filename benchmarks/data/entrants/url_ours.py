"""Our way from a provider's address into the store."""

from __future__ import annotations

import json
from collections.abc import Callable

import boto3

from tuneloop.errors import ProviderError, RequestRejected
from tuneloop.http.response import Response
from tuneloop.http.transport import Transport
from tuneloop.providers.download import PresignedDownload
from tuneloop.storage.base import Store
from tuneloop.storage.s3 import S3Store, client_config
from tuneloop.storage.transfer import transfer


def into_store(url: str, access: str, bucket: str) -> Callable[[], None]:
    """Stream an address into an S3 store; `access` is what boto3's client takes, as JSON."""
    client = boto3.client("s3", config=client_config(), **json.loads(access))
    store = S3Store(client, bucket, "ours")
    return lambda: ours(url, store)


def ours(url: str, store: Store) -> None:
    """What collecting weights does."""
    transport = Transport("bench", "http://127.0.0.1", ("x-key", "", "none"), _refused)
    source = PresignedDownload(transport, lambda: url).source
    if source.size_bytes is None or source.etag is None:
        raise RuntimeError("the origin should answer to ranges, with an ETag")
    transfer(store, "weights/bench/weights.safetensors", source, "the weights")


def _refused(answer: Response) -> ProviderError:
    return RequestRejected("the origin refused", **answer.details)
