"""Uploads to a provider's storage, which cost nothing and may be repeated."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from tuneloop.errors import ProviderUnavailable, RateLimited, UnexpectedResponse
from tuneloop.http.transport import Transport

_TRIES = 3
_ANY_STATUS = tuple(range(100, 600))
_Uploaded = TypeVar("_Uploaded")


def repeated(upload: Callable[[], _Uploaded]) -> _Uploaded:
    """Upload from the start, a few times where the connection breaks or the address has expired."""
    for _ in range(_TRIES - 1):
        try:
            return upload()
        except RateLimited:
            raise
        except ProviderUnavailable:
            continue
    return upload()


def check_size(transport: Transport, address: str, size_bytes: int) -> None:
    """Compare the stored size, where it is shown: no page promises that, and the PUT was answered.

    Raises `UnexpectedResponse` where it is another one.
    """
    try:
        response = transport.head(address, accept=_ANY_STATUS)
    except ProviderUnavailable:
        return
    shown = response.headers.get("content-length", str(size_bytes))
    if response.status == 200 and shown != str(size_bytes):  # noqa: PLR2004
        raise UnexpectedResponse(
            f"the uploaded file should have {size_bytes} bytes and has {shown}; run again", **response.details
        )
