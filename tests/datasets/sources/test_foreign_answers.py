"""Datasets on what is no S3 server."""

from __future__ import annotations

import pytest

from tests.datasets.sources.zips import open_and_close
from tests.one_answer import one_answer
from tests.s3_server import s3_client
from tuneloop.errors import DatasetError

CUT = b"""<ListBucketResult><Name>bucket</Name><IsTruncated>true</IsTruncated><Contents><Key>cats/a.png</Key>
<Size>1</Size><ETag>"x"</ETag><LastModified>2026-01-01T00:00:00Z</LastModified></Contents></ListBucketResult>"""


@pytest.mark.parametrize("address", ["s3://bucket/cats", "s3://bucket/cats.zip"])
@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (200, b"<html><body>Please log in</body></html>", "the server that responds is not S3"),
        (200, CUT.replace(b"cats/a.png", b"cats.zip").replace(b"<Name>bucket</Name>", b""), "is not S3"),
        (200, CUT, "the server that responds is not S3"),
        (301, b"<Error><Code>PermanentRedirect</Code></Error>", "in another region"),
    ],
)
def test_what_is_not_s3_is_named_and_nothing_is_taken_from_it(
    address: str, status: int, body: bytes, reason: str
) -> None:
    with one_answer() as server:
        server.status, server.body = status, body
        with pytest.raises(DatasetError, match=reason) as raised:
            open_and_close(address, client_for=lambda _: s3_client(server.url, resend=False))
    assert "log in" not in str(raised.value)
