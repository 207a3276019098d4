"""The server of a store's pages, over a socket."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
import uvicorn

from tests.waiting import LIMIT_S, wait_until
from tuneloop.cli.reports import serve_reports
from tuneloop.errors import ConfigurationError
from tuneloop.evaluation.reports.serving import reports_app
from tuneloop.storage.local import LocalDirectory

PAGE = "models/robot/reports/a-vs0001.html"
COMPARISON = "pages/comparisons/trainers/latest.html"
TRAINING_IMAGE = f"images/{'a' * 64}"
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def store(tmp_path: Path) -> LocalDirectory:
    folder = tmp_path / "store"
    folder.mkdir()
    store = LocalDirectory(folder)
    for name, data in {
        PAGE: b"<h1>robot</h1>",
        "models/robot/pages/0001.html": b"<h1>champions</h1>",
        COMPARISON: b"<h1>trainers</h1>",
        "pages/comparisons/trainers/a-vs0000.html": b"<h1>trainers</h1>",
        "models/robot/promotions/0001.json": b"{}",
        "models/robot/reports/a-vs0001.md": b"# robot",
        "trainings/k/0001.json": b"{}",
        "weights/robot/w.safetensors": b"weights",
        "models/notes.html": b"of nobody",
        "models/Robot_v2/reports/odd.html": b"of no model",
        "renders/job/seed1.png": PNG,
        TRAINING_IMAGE: PNG,
        f"images/{'b' * 64}": b"<script>",
    }.items():
        assert store.create(name, data)
    (tmp_path / "secret.html").write_text("secret")
    (folder / "models/robot/reports/out.html").symlink_to(tmp_path / "secret.html")
    (folder / "models/robot/reports/in.html").symlink_to(folder / "models/robot/promotions/0001.json")
    (folder / ".tmp").mkdir(exist_ok=True)
    (folder / ".tmp/draft.html").write_text("a draft")
    return store


@pytest.fixture
def server(store: LocalDirectory, tmp_path: Path) -> Iterator[tuple[str, int]]:
    app = reports_app(store, tmp_path / "store", ["127.0.0.1", "reports.example.org"])
    running = uvicorn.Server(uvicorn.Config(app, log_config=None))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=running.run, args=([listener],), daemon=True)
        thread.start()
        wait_until("the server runs", lambda: running.started)
        yield listener.getsockname()
        running.should_exit = True
        thread.join()


def _get(server: tuple[str, int], path: str) -> tuple[int, str]:
    """Ask for a path as it is: a library would take `..` out."""
    with socket.create_connection(server, LIMIT_S) as connection:
        connection.sendall(f"GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n".encode())
        answer = connection.makefile("rb").read().decode("latin-1")
    return int(answer.split(" ")[1]), answer.partition("\r\n\r\n")[2]


def test_pages_and_the_images_that_they_link_to_are_shown_as_what_they_are(server: tuple[str, int]) -> None:
    kinds = {}
    for name in (
        PAGE,
        "models/robot/pages/0001.html",
        "renders/job/seed1.png",
        TRAINING_IMAGE,
        f"images/{'b' * 64}",
    ):
        answer = requests.get(f"http://127.0.0.1:{server[1]}/{name}", timeout=LIMIT_S)
        assert answer.status_code == 200
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        kinds[name.split("/")[0] + name[-1]] = answer.headers["Content-Type"]
    html = "text/html; charset=utf-8"
    assert kinds == {
        "modelsl": html,
        "rendersg": "image/png",
        "imagesa": "image/png",
        "imagesb": "application/octet-stream",
    }


def test_first_page_links_to_reports_champions_and_comparisons_and_not_to_strays(server: tuple[str, int]) -> None:
    status, page = _get(server, "/")
    assert status == 200
    assert f'href="{PAGE}"' in page
    assert 'href="models/robot/pages/0001.html"' in page
    assert f'<a href="{COMPARISON}">trainers</a>' in page
    assert _get(server, f"/{COMPARISON}")[0] == 200
    assert "notes" not in page
    assert "Robot_v2" not in page


@pytest.mark.parametrize(
    "path",
    [
        "/models/robot/promotions/0001.json",
        "/models/robot/reports/a-vs0001.md",
        "/trainings/k/0001.json",
        "/weights/robot/w.safetensors",
        "/models/robot/reports/out.html",
        "/models/robot/reports/in.html",
        "/models/robot/reports/../../../../secret.html",
        "/models/../../reports/secret.html",
        "/models/%2e%2e/%2e%2e/reports/secret.html",
        "/models/..%2f..%2freports/x/secret.html",
        "//models/robot/reports/a-vs0001.html",
        "/models/robot/reports/a-vs0001.html%00",
        "/.tmp/draft.html",
        "/models/robot/reports/",
        "/models/robot/reports",
    ],
)
def test_nothing_else_of_the_store_or_beside_it_is_shown(server: tuple[str, int], path: str) -> None:
    status, body = _get(server, path)
    assert status == 404
    assert body.startswith("Not here: only pages and images are shown.")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_nothing_can_be_changed(server: tuple[str, int], store: LocalDirectory, method: str) -> None:
    answer = requests.request(method, f"http://127.0.0.1:{server[1]}/{PAGE}", data=b"x", timeout=LIMIT_S)
    assert answer.status_code == 405
    assert store.read(PAGE) == b"<h1>robot</h1>"


@pytest.mark.parametrize(("host", "status"), [("evil.example.com", 400), ("reports.example.org", 200)])
def test_only_its_own_names_reach_it(server: tuple[str, int], host: str, status: int) -> None:
    url = f"http://127.0.0.1:{server[1]}/{PAGE}"
    assert requests.head(url, headers={"Host": host}, timeout=LIMIT_S).status_code == status


def test_port_that_is_taken_is_told_in_a_sentence(store: LocalDirectory, server: tuple[str, int]) -> None:
    told = rf"^port {server[1]} of 127.0.0.1 cannot be used \([A-Za-z ]+\); choose another with --host and --port$"
    with pytest.raises(ConfigurationError, match=told):
        serve_reports(store, *server)
