"""The search of `test_nothing_leaks.py` finds a leak of each kind, in each place and however it is written."""

from __future__ import annotations

import base64
import gzip
import html
import io
import json
import re
import sqlite3
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

import pytest
import requests

from tests.canary import places, planting
from tests.canary.searching import SIGNATURE, SIGNED_ADDRESS, Leak, Piece, Search
from tests.http.speaking import saying, speaking
from tests.s3_server import fresh_bucket, s3_client, s3_server
from tests.storage.failing_proxy import failing_proxy
from tests.waiting import wait_until

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

SECRET = planting.S3_SECRET
SEARCH = Search(planting.SECRETS)
FOUND = "the S3 secret"
DIGITS = "0123456789abcdef" * 4


def in_zip(text: str) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/note.json", "x" * 5000)
        archive.writestr("a/key.json", text)
    return target.getvalue()


FORMS: dict[str, Callable[[str], bytes]] = {
    "as it is": str.encode,
    "URL-quoted": lambda text: quote(text, safe="").encode(),
    "in a path": lambda text: quote(text).encode(),
    "in a form": lambda text: quote_plus(text).encode(),
    "URL-quoted in small letters": lambda text: re.sub(
        "%..", lambda sign: sign[0].lower(), quote(text, safe="")
    ).encode(),
    "quoted twice": lambda text: quote(quote(text, safe=""), safe="").encode(),
    "in JSON": lambda text: json.dumps({"key": text}).replace("/", r"\/").encode(),
    "in HTML": lambda text: html.escape(f"<a title='{text}'>").encode(),
    "in UTF-16": lambda text: text.encode("utf-16"),
    "in digits": lambda text: text.encode().hex().upper().encode(),
    "base64": lambda text: base64.b64encode(text.encode()),
    "base64, one sign on": lambda text: base64.b64encode(f"a{text}z".encode()),
    "base64, two signs on": lambda text: base64.b64encode(f"user:{text}".encode()),
    "base64 for addresses": lambda text: base64.urlsafe_b64encode(f"?>{text}".encode()),
    "gzip within other bytes": lambda text: b"\0" * 99 + gzip.compress(text.encode()) + b"end",
    "gzip that was cut": lambda text: gzip.compress(text.encode() + b"0123456789" * 5)[:-12],
    "zlib": lambda text: zlib.compress(text.encode()),
    "a zip": in_zip,
    "a zip that was cut": lambda text: in_zip(text)[:-60],
    "a gzip of a zip in base64 of JSON": lambda text: gzip.compress(
        in_zip(json.dumps(base64.b64encode(text.encode()).decode()))
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_secret_is_found_however_it_is_written(form: str) -> None:
    data = FORMS[form](SECRET)
    assert SEARCH.leaks([Piece("here", b"before " + data + b" after")]) == {Leak("here", FOUND)}
    assert SEARCH.leaks([Piece("here", FORMS[form]("what is no secret at all"))]) == set()


@pytest.mark.parametrize("name", planting.SECRETS)
def test_each_secret_is_found_by_its_name(name: str) -> None:
    assert SEARCH.leaks([Piece("here", planting.SECRETS[name].encode())]) == {Leak("here", name)}


def test_signature_is_found_without_its_address_and_a_signed_address_without_its_being_known() -> None:
    search = Search({}, {DIGITS.encode()})
    assert search.leaks([Piece("here", f"f{DIGITS}f".encode())]) == {Leak("here", SIGNATURE)}
    for query in (f"X-Amz-Signature={DIGITS}", f"a=b&Signature%3D{DIGITS}", f"se=1\\u0026sig=a%2Fb{DIGITS}"):
        assert Leak("here", SIGNED_ADDRESS) in Search({}).leaks([Piece("here", f"http://h/p?{query}".encode())])
    assert Search({}).leaks([Piece("here", "http://h/p?X-Amz-Signature=… sig=no".encode())]) == set()


def test_link_to_a_page_of_ours_is_no_leak_where_it_is_shown_and_one_everywhere_else() -> None:
    link = Piece("here", f"see http://s3/bucket/models/a.html?X-Amz-Signature={DIGITS}, {SECRET}".encode())
    shown = re.compile(rb"http://s3/bucket/[\w/.-]+\.html\?[\w%&=-]+")
    assert Search(planting.SECRETS, shown=shown).leaks([link]) == {Leak("here", FOUND)}
    assert SEARCH.leaks([link]) == {Leak("here", FOUND), Leak("here", SIGNED_ADDRESS)}


def test_leak_in_a_file_or_in_its_name_is_found(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "worker.log").write_text(f"DEBUG {SECRET}")
    (tmp_path / planting.WEBHOOK_PATH).write_text("")
    assert SEARCH.leaks(places.files(tmp_path)) == {
        Leak("logs/worker.log", FOUND),
        Leak(planting.WEBHOOK_PATH, "the webhook's path"),
    }
    assert SEARCH.leaks(places.files(tmp_path, "logs/", "canary")) == set()


def test_leak_in_a_database_is_found_in_its_row_and_in_its_journal(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "prefect.db") as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE log (id INTEGER, message TEXT, more BLOB)")
        # So long that the file has it in pieces, at the end of which other things stand.
        for at in range(4000, 4200):
            connection.execute("INSERT INTO log VALUES (?, ?, ?)", (at, "x" * at + SECRET, b"\0"))
        connection.commit()
        assert SEARCH.leaks(places.rows(tmp_path / "prefect.db")) == {Leak("log", FOUND)}
        found = SEARCH.leaks(places.files(tmp_path))
    assert Leak("prefect.db-wal", FOUND) in found


@pytest.fixture(scope="module")
def client() -> Iterator[S3Client]:
    with s3_server() as endpoint:
        yield s3_client(endpoint)


def test_leak_anywhere_in_an_object_is_found(client: S3Client) -> None:
    bucket = fresh_bucket(client)
    client.put_object(Bucket=bucket, Key="body", Body=gzip.compress(SECRET.encode()))
    client.put_object(Bucket=bucket, Key="metadata", Metadata={"note": SECRET})
    client.put_object(Bucket=bucket, Key="header", ContentDisposition=f'attachment; filename="{SECRET}"')
    client.put_object(Bucket=bucket, Key="tag", Tagging=f"note={quote(SECRET, safe='')}")
    client.put_object(Bucket=bucket, Key=f"key/{SECRET}")
    client.put_object(Bucket=bucket, Key="clean")
    client.create_multipart_upload(Bucket=bucket, Key=f"begun/{SECRET}")
    assert {leak.where.partition("/")[0] for leak in SEARCH.leaks(places.objects(client, bucket))} == {
        "body", "metadata", "header", "tag", "key", "unfinished begun",
    }  # fmt: skip


def test_leak_in_arguments_or_environment_of_a_process_is_found() -> None:
    waiting = [sys.executable, "-I", "-S", "-c", "input()"]
    with (
        places.watched_processes() as processes,
        subprocess.Popen([*waiting, planting.SEGMIND_KEY], stdin=subprocess.PIPE, env={}) as first,
        subprocess.Popen(waiting, stdin=subprocess.PIPE, env={"KEY": SECRET}) as second,
    ):
        expected = {Leak("arguments", "Segmind's key"), Leak("environment", FOUND)}
        wait_until("both are seen", lambda: SEARCH.leaks(processes.pieces) == expected)
        for process in (first, second):
            process.communicate(b"\n")


def test_key_that_is_sent_to_another_host_is_found_in_header_path_and_body() -> None:
    with speaking(saying("200 OK", b"yes")) as host, failing_proxy(host.url) as proxy:
        proxy.exchanges = []
        requests.get(f"{proxy.endpoint}/in/header", headers={"x-api-key": planting.SEGMIND_KEY}, timeout=30)
        requests.get(f"{proxy.endpoint}/in/query", params={"key": SECRET}, timeout=30)
        requests.post(f"{proxy.endpoint}/in/body", json={"key": planting.REPLICATE_KEY}, timeout=30)
    assert SEARCH.leaks(places.requests_in(each.request for each in proxy.exchanges)) == {
        Leak("GET /in/header", "Segmind's key"),
        Leak("GET /in/query", FOUND),
        Leak("POST /in/body", "Replicate's key"),
    }
