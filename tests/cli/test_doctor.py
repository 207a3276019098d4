"""`tuneloop doctor` says what it can, whatever does not respond; `tests/flows/test_doctor.py` has the rest."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from tests.cli.commands import in_this_process
from tests.one_answer import one_answer
from tests.waiting import LIMIT_S
from tuneloop.cli.exit_codes import OUTAGE, REFUSED
from tuneloop.errors import ConfigurationError
from tuneloop.operations.doctor.check import Check, Planned, ok, run_all
from tuneloop.operations.doctor.disk import room_check
from tuneloop.orchestration.doctor import server
from tuneloop.orchestration.doctor.server import version_check
from tuneloop.orchestration.doctor.webhook import webhook_check
from tuneloop.webhooks.account import READY


def doctor(address: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """Run the command for a server. Returns its exit code, and what was checked, by its name."""
    url = f"{address}/api"
    with temporary_settings(updates={PREFECT_API_URL: url, PREFECT_CLIENT_MAX_RETRIES: 0}):
        done = in_this_process("doctor", "--json", PREFECT_API_URL=url)
    return done.returncode, {check["name"]: check for check in json.loads(done.stdout)["checks"]}


def test_server_that_is_down_is_named_and_what_this_machine_knows_is_checked(nobody: str) -> None:
    code, checks = doctor(nobody)
    assert code == OUTAGE
    down = checks["Prefect server"]
    assert (down["status"], down["message"]) == (
        "problem",
        f"cannot be used at {nobody}/api, named by PREFECT_API_URL",
    )
    assert "does not answer" in down["remedy"]
    assert "start it, or correct PREFECT_API_URL" in down["remedy"]
    assert checks["deployment files"]["status"] == checks["disk, temporary folder"]["status"] == "ok"
    assert checks["everything on the server"]["status"] == "unknown"


def test_server_that_takes_connections_and_says_nothing_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "RESPONSE_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        code, checks = doctor(f"http://127.0.0.1:{silent.getsockname()[1]}")
    assert code == OUTAGE
    assert "does not answer (timed out)" in checks["Prefect server"]["remedy"]


def test_server_of_another_version_is_named_and_its_other_answers_stop_nothing() -> None:
    with one_answer() as other:
        other.body = b'"4.1.0"'
        code, checks = doctor(other.url)
    assert code == REFUSED
    assert checks["Prefect server"]["status"] == "ok"
    version = checks["Prefect version"]
    assert (version["status"], "4.1.0 on the server" in version["message"]) == ("problem", True)
    assert "install prefect " in version["remedy"]
    assert checks["deployments"]["status"] == "unknown"
    assert checks["store local-file-system/tuneloop"]["status"] != "ok"


HANGS_IN_COMPILED_CODE = """
import time
from pydantic import BaseModel, field_validator
from tuneloop.operations.doctor.check import Planned, leave, run_all

class Hanging(BaseModel):
    number: int

    @field_validator("number")
    @classmethod
    def wait(cls, number):
        while True:
            time.sleep(0.001)

print(run_all([Planned("hangs", lambda: Hanging(number=1))], limit_s=0.2)[0].message)
leave(3)
"""


def test_check_that_hangs_in_compiled_code_does_not_abort_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-c", HANGS_IN_COMPILED_CODE],
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_S,
    )
    assert (done.returncode, done.stdout, done.stderr) == (3, "did not end in time\n", "")


@pytest.mark.parametrize(
    ("theirs", "status"),
    [("3.9.4", "ok"), ("3.8.8", "ok"), ("3.10.0", "problem"), ("2.20.1", "problem"), ("<html>", "unknown")],
)
def test_versions_go_together_where_they_were_tried_together(theirs: str, status: str) -> None:
    assert version_check("3.9.1", theirs).status == status


def test_check_that_hangs_or_fails_keeps_no_other_one_from_its_result() -> None:
    forever = threading.Event()

    def fails() -> list[Check]:
        raise ConfigurationError("put it back")

    def hangs() -> list[Check]:
        forever.wait(20)  # far beyond the limit
        return [ok("hangs", "it came late")]

    planned = [Planned("hangs", hangs), Planned("fails", fails), Planned("well", lambda: [ok("well", "it is")])]
    found = run_all(planned, limit_s=0.2)
    forever.set()
    assert [(each.name, each.status) for each in found] == [
        ("hangs", "unknown"),
        ("fails", "unknown"),
        ("well", "ok"),
    ]
    assert "did not end in time" in found[0].message
    assert found[1].remedy == "put it back"


def test_full_disk_is_named_with_its_folder() -> None:
    full = room_check("disk, store", Path("/srv/loras"), 100_000_000, 2_000_000_000)
    assert (full.status, full.message) == ("problem", "only 0.1 GB free")
    assert "/srv/loras may soon need 2.0 GB" in full.remedy
    assert room_check("disk, store", Path("/srv/loras"), 2_000_000_000, 2_000_000_000).status == "ok"


def test_webhook_address_is_believed_only_where_our_receiver_responds_and_is_never_shown(nobody: str) -> None:
    secret = "hooks/bfl/0123456789abcdef0123456789"
    found = [webhook_check("webhook", f"{nobody}/{secret}")]
    with one_answer() as other:
        for status, body in ((404, f"no {secret}".encode()), (200, b"welcome"), (200, READY)):
            other.status, other.body = status, body
            found.append(webhook_check("webhook", f"{other.url}/{secret}"))
    assert [check.message for check in found] == [
        "nothing responds",
        "the receiver does not know it (status 404)",
        "something else responds",
        "the receiver is ready",
    ]
    assert [check.status for check in found] == ["problem", "problem", "problem", "ok"]
    assert all("`tuneloop webhooks" in check.remedy for check in found[:3])
    assert not any(secret.rpartition("/")[2] in check.message + check.remedy for check in found)
