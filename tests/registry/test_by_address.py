"""What only the store knows is shown by the store's address: no block, no Prefect, no key of a provider."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path

import pytest
import requests

from tests.cli.commands import in_an_empty_home, in_this_process
from tests.registry.conftest import Champion, promotion_of
from tests.s3_server import ACCESS_KEY, SECRET_KEY, fresh_bucket, s3_client, server_that_checks_keys
from tests.waiting import LIMIT_S
from tuneloop.ledger.ledger import Ledger
from tuneloop.storage.identity import create_store
from tuneloop.storage.local import LocalDirectory
from tuneloop.storage.s3 import S3Store

WEIGHTS = b"weights " * 100
SHA256 = hashlib.sha256(WEIGHTS).hexdigest()
NAME = f"weights/{'a' * 64}/{SHA256}.safetensors"


@pytest.fixture
def keys(s3_endpoint: str) -> dict[str, str]:
    return {
        "TUNELOOP_S3_ENDPOINT": s3_endpoint,
        "TUNELOOP_S3_ACCESS_KEY": ACCESS_KEY,
        "TUNELOOP_S3_SECRET_KEY": SECRET_KEY,
    }


def test_models_pull_and_status_need_no_prefect(
    store: LocalDirectory | S3Store, ledger: Ledger, champion: Champion, keys: dict[str, str], tmp_path: Path
) -> None:
    create_store(store, "a test")
    store.create(NAME, WEIGHTS)
    champion("a", weights=NAME, sha256=SHA256)
    home = tmp_path / "home"
    home.mkdir()
    shown = in_an_empty_home(home, "models", "--store", store.uri, **keys)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "a is better" in shown.stdout
    status = in_an_empty_home(home, "status", "--store", store.uri, **keys)
    assert (status.returncode, status.stderr) == (0, "")
    assert f"Nothing is in flight in {store.uri}." in status.stdout
    assert list(home.iterdir()) == []
    pulled = in_an_empty_home(home, "pull", "robot", "--store", store.uri, "--output", "robot.safetensors", **keys)
    assert (pulled.returncode, pulled.stderr) == (0, "")
    assert (home / "robot.safetensors").read_bytes() == WEIGHTS
    for done in (shown, status, pulled):
        assert done.stdout.endswith("prefect imported: False\n")
    assert len(ledger.promotions("robot")) == 1


def test_status_shows_champions_whose_weights_are_gone(
    store: LocalDirectory | S3Store, champion: Champion, keys: dict[str, str]
) -> None:
    create_store(store, "a test")
    champion("a", weights=NAME, sha256=SHA256)
    done = in_this_process("status", "--store", store.uri, **keys)
    assert (done.returncode, done.stderr) == (1, "")
    assert "the champion of robot: its weights" in done.stdout
    document = json.loads(in_this_process("status", "--store", store.uri, "--json", **keys).stdout)
    assert (document["open"], document["duplicate_jobs"], len(document["attention"])) == ([], [], 1)


def test_keys_that_are_set_are_those_that_are_used(tmp_path: Path) -> None:
    with server_that_checks_keys() as (endpoint, access, secret):
        client = s3_client(endpoint, keys=(access, secret))
        bucket = fresh_bucket(client)
        store = S3Store(client, bucket, "loras")
        create_store(store, "a test")
        Ledger(store).write_promotion(promotion_of("a", "robot", 1))
        own = {"AWS_ACCESS_KEY_ID": access, "AWS_SECRET_ACCESS_KEY": secret, "AWS_ENDPOINT_URL_S3": endpoint}
        set_here = {
            "TUNELOOP_S3_ENDPOINT": endpoint,
            "TUNELOOP_S3_ACCESS_KEY": access,
            "TUNELOOP_S3_SECRET_KEY": secret,
        }
        for keys in (own, set_here):
            done = in_an_empty_home(tmp_path, "models", "--store", f"s3://{bucket}/loras", **keys)
            assert (done.returncode, done.stderr) == (0, "")
            assert "a is better" in done.stdout
        wrong = {**set_here, "TUNELOOP_S3_SECRET_KEY": "wrong"}
        done = in_an_empty_home(tmp_path, "models", "--store", f"s3://{bucket}/loras", **wrong)
        assert done.returncode == 1
        assert "wrong" not in done.stderr


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("file:///nowhere/to/be/found", "there is no folder /nowhere/to/be/found"),
        ("file://host/folder", "is not a store address; write file:///folder or s3://bucket/prefix"),
        ("ftp://bucket/folder", "is not a store address"),
        ("s3:///folder", "is not a store address"),
        ("s3://bucket/a b", "'a b' cannot be the prefix of a store"),
    ],
)
def test_address_that_leads_nowhere_is_named(address: str, said: str) -> None:
    done = in_this_process("models", "--store", address, AWS_DEFAULT_REGION="us-east-1")
    assert done.returncode == 2
    assert said in done.stderr


def test_folder_that_is_no_store_is_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    for command in ("models", "status"):
        done = in_this_process(command, "--store", tmp_path.as_uri())
        assert done.returncode == 2
        assert f"{tmp_path.as_uri()} is not a Tuneloop store" in done.stderr


def test_address_with_keys_in_it_is_refused_without_showing_them() -> None:
    done = in_this_process("models", "--store", "s3://key:secret@bucket/loras")
    assert done.returncode == 2
    assert "holds no keys" in done.stderr
    assert "secret" not in done.stderr


def test_commands_that_write_take_no_address(tmp_path: Path) -> None:
    done = in_this_process(
        "rollback", "robot", "--version", "1", "--reason", "worse", "--store", tmp_path.as_uri()
    )
    assert done.returncode == 2
    assert "this command needs the store's block" in done.stderr


def test_reports_are_listed_newest_first_with_where_each_one_opens(
    store: LocalDirectory | S3Store, keys: dict[str, str]
) -> None:
    create_store(store, "a test")
    names = [f"models/{name}.html" for name in ("robot/reports/b", "robot/reports/a", "hare/reports/c")]
    store.create(names[0], names[0].encode())
    time.sleep(1)  # S3 tells the time of a writing in seconds
    for name in (*names[1:], "models/robot/reports/latest.html", "models/robot/pages/latest.html"):
        store.create(name, name.encode())
    store.create("pages/models.html", b"all models")
    document = json.loads(in_this_process("reports", "--store", store.uri, "--json", **keys).stdout)
    assert "pages/models.html" in document["models_page"]
    assert list(document["champions"]) == ["robot"]
    assert "models/robot/pages/latest.html" in document["champions"]["robot"]
    listed = document["reports"]
    assert [item["report"] for item in listed] == [names[2], names[1], names[0]]
    said = in_this_process("reports", "robot", "--store", store.uri, **keys).stdout
    assert said.index("robot, champions: ") < said.index(names[1]) < said.index(names[0])
    assert "hare" not in said
    if store.distant:
        assert requests.get(listed[0]["link"], timeout=LIMIT_S).content == names[2].encode()
        assert "Each link: anybody who has this link can open it until " in said
        served = in_this_process("reports", "--serve", "--store", store.uri, **keys)
        assert (served.returncode, "needs no server" in served.stderr) == (2, True)
    else:
        assert listed[0]["link"] == store.uri_of(names[2])
        assert "For links that a browser opens, add --serve." in said


@pytest.mark.parametrize("unused", ["robot", "--json"])
def test_server_of_all_reports_refuses_what_it_would_ignore(unused: str, tmp_path: Path) -> None:
    done = in_this_process("reports", "--serve", unused, "--store", tmp_path.as_uri())
    assert (done.returncode, done.stdout) == (2, "")
    assert "--serve shows every page and prints no document; leave out MODEL and --json" in done.stderr
