"""The body of an object on S3 as an ordinary stream."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from tuneloop.storage.s3_errors import s3_refusals

if TYPE_CHECKING:
    from botocore.response import StreamingBody


class BodyStream(io.RawIOBase):
    """Reads a body as it comes in, and speaks of cut connections as the stores do.

    boto3 resends requests, but a body that breaks off in the middle is the reader's business.

    Args:
        body: boto3's body.
        thing: Full address of what is read.
        endpoint: Address of the S3 server.
    """

    def __init__(self, body: StreamingBody, thing: str, endpoint: str) -> None:
        self._body = body
        self._thing = thing
        self._endpoint = endpoint

    def readable(self) -> bool:
        """Tell that this can be read."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Read into a buffer. Raises `StoreUnavailable` where the body ends too early."""
        with s3_refusals(self._thing, self._endpoint):
            return self._body.readinto(buffer)  # type: ignore[arg-type]  # the stubs take a file

    def close(self) -> None:
        """Give the connection back."""
        self._body.close()
        super().close()
