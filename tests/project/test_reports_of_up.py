"""The server of the reports keeps nothing else of `tuneloop up` from running."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.waiting import LIMIT_S
from tuneloop.local_server import up
from tuneloop.local_server.processes import Processes, clean_environment, free_port
from tuneloop.project.home import locked, own_reports
from tuneloop.storage.identity import create_store
from tuneloop.storage.local import LocalDirectory


@pytest.fixture
def programs(tmp_path: Path) -> Iterator[Processes]:
    programs = Processes(tmp_path / "logs", clean_environment({}))
    yield programs
    programs.end_all()


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LocalDirectory:
    folder = tmp_path / "store"
    folder.mkdir()
    store = LocalDirectory(folder)
    monkeypatch.setattr(up, "open_store", lambda _: store)
    return store


@pytest.mark.usefixtures("store")
def test_server_that_does_not_start_is_told_in_one_line_and_ended(programs: Processes, tmp_path: Path) -> None:
    said = up.serve_reports(programs, f"http://127.0.0.1:{free_port()}", tmp_path)
    assert said == (
        "The reports are not served: reports has ended by itself (exit code 2); see "
        f"{tmp_path / 'logs' / 'reports.log'}"
    )
    programs.check()
    with locked(tmp_path):
        assert own_reports(tmp_path) is None


def test_server_whose_first_page_fails_is_up_all_the_same(
    programs: Processes, store: LocalDirectory, tmp_path: Path
) -> None:
    create_store(store, "a test")
    (tmp_path / "store" / "models").symlink_to("models")  # to itself
    url = f"http://127.0.0.1:{free_port()}"
    with locked(tmp_path):
        assert up.serve_reports(programs, url, tmp_path) == f"Reports {url}"
        assert own_reports(tmp_path) == url
    assert requests.get(url, timeout=LIMIT_S).status_code == 500
