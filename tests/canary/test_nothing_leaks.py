"""A search of every byte that comes out of an installation in which much has happened."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import chdir
from dataclasses import replace

import pytest
from prefect.events.worker import EventsWorker

from tests.canary import places, planting
from tests.canary.searching import Piece, Search
from tests.canary.stories import BUCKET, MODEL, World, bad_providers, log_everything, tell
from tests.http.speaking import saying, speaking, write_certificate
from tests.s3_server import s3_client, s3_server
from tests.storage.failing_proxy import failing_proxy
from tests.waiting import relying_on
from tuneloop.demo.stack import running_stack
from tuneloop.emulator import running_emulator
from tuneloop.emulator.replicate.fields import API_KEY as REPLICATES
from tuneloop.emulator.segmind.fields import API_KEY as SEGMINDS

pytestmark = (
    pytest.mark.long
)  # an installation of its own, whose programs are fresh processes and log all they can


KEY_IDS = ("the id of the S3 key", "the id of the new S3 key")
"""They are part of every signed address."""


@pytest.fixture(scope="module")
def world(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("canary")
    log_everything(folder / "installation" / "prefect")
    with (
        chdir(pytestconfig.rootpath),
        s3_server() as server,
        failing_proxy(server) as s3,
        running_emulator("replicate", folder / "replicate") as at_replicate,
        failing_proxy(at_replicate.url) as replicate,
        speaking(saying("200 OK", b"")) as stranger,
        bad_providers(stranger, write_certificate(folder / "certificate.pem")) as bad,
        places.watched_processes() as processes,
        pytest.MonkeyPatch.context() as patch,
    ):
        for name, value in (
            ("ENDPOINT", s3.endpoint),
            ("ACCESS_KEY", planting.S3_KEY_ID),
            ("SECRET_KEY", planting.S3_SECRET),
            ("BUCKET", BUCKET),
        ):
            patch.setenv(f"TUNELOOP_S3_{name}", value)
        s3.exchanges, replicate.exchanges = [], []
        with (
            running_stack(folder / "installation", "s3", "segmind") as stack,
            relying_on(stack.processes),
            failing_proxy(stack.emulator.url) as segmind,
        ):
            EventsWorker.drain_all()
            segmind.exchanges = []
            segmind.keys = {planting.SEGMIND_KEY: SEGMINDS}
            replicate.keys = {planting.REPLICATE_KEY: REPLICATES}
            world = World(stack, server, s3, segmind, replicate, at_replicate, bad, stranger, processes)
            tell(world, folder)
            yield world
            EventsWorker.drain_all()


def check(search: Search, pieces: Iterable[Piece], marker: str = MODEL) -> None:
    """Nothing is found but the marker, which shows that there was something to find."""
    pieces = list(pieces)
    assert Search({"marker": marker}, signed=False).leaks(pieces), "the search has not seen what is there"
    assert search.leaks(pieces) == set()


def test_runs_have_ended_as_they_were_meant_to(world: World) -> None:
    ended = world.ended
    assert set(ended) == {
        MODEL,
        "cut-short",
        "called",
        "refused",
        "undecided",
        "rotated",
        "wrong",
        *planting.BAD_KEYS,
    }
    assert "no complete response from the S3 server" in ended["cut-short"]
    assert "status 400" in ended["refused"]
    assert "status 401" in ended["wrong"]
    assert ended["echoing"] == ended["cutting"] == "AwaitingRetry"
    assert "Undecided" in ended["undecided"]
    assert "302" in ended["redirecting"]
    assert "certificate" in ended["untrusted"]
    assert [entry.kind for entry in world.stack.emulator.billing()].count("training") == 3
    assert any(delivery.status == 200 for delivery in world.at_replicate.deliveries()), "the provider has called"


def test_logs_of_all_programs_at_debug(world: World) -> None:
    logs = list(places.files(world.stack.folder / "logs", "emulator.log"))
    assert {"server.log", "worker.log", "webhooks.log"} <= {log.where for log in logs}
    check(world.search, logs)
    for library in ("botocore", "urllib3", "httpcore", "prefect"):
        check(world.search, logs, f"| DEBUG   | {library}")


def test_files_of_prefect_its_database_and_its_journal_byte_by_byte(world: World) -> None:
    # A value that is long is cut where a page of the file ends, and so may a link be that is shown by design.
    search = world.search.without(*KEY_IDS, signed=False)
    files = list(places.files(world.stack.folder / "prefect"))
    assert {"prefect.db", "prefect.db-wal"} <= {file.where for file in files}
    check(search, files)


@pytest.mark.parametrize(
    ("table", "marker"),
    [
        ("artifact", MODEL),
        ("block_document", "gAAAAA"),  # how what is encrypted begins
        ("deployment", "watch_trainings"),
        ("events", "tuneloop.training.submitted"),
        ("flow_run", MODEL),
        ("flow_run_state", "Undecided"),
        ("log", "botocore"),
        ("log", "status 500"),
        ("task_run", "submit"),
    ],
)
def test_table_of_prefect(world: World, table: str, marker: str) -> None:
    rows = [row for row in places.rows(world.stack.folder / "prefect" / "prefect.db") if row.where == table]
    check(world.search, rows, marker)


def test_all_other_tables_of_prefect(world: World) -> None:
    check(world.search, places.rows(world.stack.folder / "prefect" / "prefect.db"))


def test_everything_else_in_the_installation(world: World) -> None:
    others = places.files(world.stack.folder, "logs/", "prefect/", "emulator/")
    check(world.search, others, "retrain_model")


def test_store_with_its_keys_bodies_metadata_and_tags(world: World) -> None:
    # By design nothing in it has a link, not even to a page of ours.
    search = replace(world.search, shown=None)
    objects = list(places.objects(s3_client(world.s3_behind), BUCKET))
    check(search, objects)
    check(search, [item for item in objects if item.where.endswith(".html")])
    check(search, [item for item in objects if "/trainings/" in item.where], "submitted")


def test_arguments_and_environments_of_all_processes(world: World) -> None:
    check(world.search, world.processes.pieces, "prefect.engine")
    assert world.processes.count > 10


def test_terminal(world: World) -> None:
    check(world.search, world.said)


def test_every_host_is_sent_its_own_keys_only(world: World) -> None:
    own = {
        "s3": KEY_IDS,
        "segmind": ("Segmind's key", "the wrong key"),
        "replicate": ("Replicate's key", "the webhook's path"),
        **{kind: (f"the key of {kind}",) for kind in world.bad},
    }
    for host, sent in world.sent.items():
        # Whoever has signed an address is sent it again.
        search = Search(planting.SECRETS, world.signatures_but_of(host), signed=False)
        pieces = list(places.requests_in(sent))
        if host != "untrusted":
            assert search.leaks(pieces), f"{host} was sent no key at all"
        assert search.without(*own[host]).leaks(pieces) == set()


def test_nothing_is_sent_where_a_provider_redirects_or_has_no_good_certificate(world: World) -> None:
    assert world.stranger.requests == world.bad["untrusted"].requests == []
