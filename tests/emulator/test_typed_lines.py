"""The lines of the five pages, typed into a shell or run by Python: nothing changed but host, key and ids.

What is printed there is in `tests/wire/typed`, word for word, since a line counts only as it stands.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.emulator.bfl_caller import BflCaller
from tests.emulator.segmind_caller import Caller, pairs
from tests.wire.exchanges import difference, exchange
from tuneloop.emulator import EmulatorControl

TYPED = Path(__file__).parent.parent / "wire" / "typed"
THEMES = {"flux": "FLUX", "kontext": "KONTEXT", "qwen": "QWEN"}
NO_ADDRESS = '"Segmind-hosted Private ZIP URL (uploaded via presigned link)" or "any public zip url"'
SAMPLE_ADDRESS = re.compile(r"https://finetune-pipeline\.s3\.amazonaws\.com/[^\"]+")

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")


def lines(page: str) -> dict[str, str]:
    """The lines of a page by what they are for."""
    parts = re.split(r"^# (.+)\n", (TYPED / f"{page}.sh").read_text("utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def run(*words: str) -> str:
    """What a program prints that has nothing of ours around it."""
    plain = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}
    done = subprocess.run(words, env=plain, capture_output=True, text=True, timeout=60, check=False)
    return done.stdout if done.returncode == 0 else f"failed: {done.stderr}"


class Shell:
    """Types lines with the emulator's host and key."""

    def __init__(self, emulator: EmulatorControl) -> None:
        self._changed = {"https://api.segmind.com": emulator.url, "YOUR_API_KEY": emulator.api_key}

    def type(self, line: str, **ids: str) -> str:
        for old, new in self._changed.items():
            line = line.replace(old, new)
        for old, new in ids.items():
            assert old in line
            line = line.replace(f'"{old}"', f'"{new}"')
        return run("bash", "-c", line)

    def response(self, line: str, **ids: str) -> Any:
        return json.loads(self.type(line, **ids))


@pytest.fixture
def shell(emulator: EmulatorControl) -> Shell:
    return Shell(emulator)


def submit_line(page: str, address: str) -> str:
    """The page's submit with an address that exists, and typed so that a shell takes its apostrophe."""
    line = SAMPLE_ADDRESS.sub(address, lines(page)["submit"].replace(NO_ADDRESS, f'"{address}"'))
    return line.replace("woman's", "woman'\\''s")


def trained(shell: Shell, caller: Caller, page: str) -> dict[str, Any]:
    """What the page's submit responses."""
    address = caller.upload(pairs() if page == "kontext" else None)
    return dict(shell.response(submit_line(page, address)))


@pytest.mark.parametrize("page", list(THEMES))
def test_submit_of_a_page_trains(shell: Shell, caller: Caller, emulator: EmulatorControl, page: str) -> None:
    accepted = trained(shell, caller, page)
    id_field = "request_id" if page == "qwen" else "finetune_id"
    assert list(accepted) == ["status", id_field, "name"]
    assert accepted["status"] == "REQUESTED"
    (billed,) = emulator.billing()
    assert (billed.id, billed.name) == (accepted[id_field], accepted["name"])
    (row,) = shell.response(lines(page)["list"])
    assert (row["theme"], row["status"]) == (THEMES[page], "AVAILABLE")


@pytest.mark.parametrize("page", list(THEMES))
@pytest.mark.parametrize("two_ids", [False, True])
def test_every_other_line_of_a_page_is_answered_as_it_shows(
    shell: Shell, caller: Caller, emulator: EmulatorControl, page: str, two_ids: bool
) -> None:
    emulator.switch(two_ids=two_ids)
    accepted, typed = trained(shell, caller, page), lines(page)
    job_id = accepted.get("request_id") or accepted["finetune_id"]
    place = shell.response(typed["place"])
    assert list(place) == ["presigned_url", "s3_url"]
    assert place["s3_url"].endswith("-NAME_OF_THE_FILE.zip")
    shown = {"flux": "the list", "kontext": "the list of Kontext trainings", "qwen": "the list of Qwen trainings"}
    listed = shell.response(typed["list"])
    assert difference(exchange("segmind", shown[page]).response.body, listed) is None
    if page != "flux":  # whose page has no details
        details = shell.response(typed["details"], **{"REQUEST_ID" if page == "qwen" else "FINETUNE_ID": job_id})
        documented = exchange("segmind", f"details of a {page.title()} training").response.body
        assert difference(documented, details) is None
    request_id = "REQUEST_ID" if page == "qwen" else "FINETUNE_REQUEST_ID"
    assert shell.type(typed["access"], **{request_id: job_id}) == "200"
    (row,) = shell.response(typed["list"])
    assert row["segmind_public_model"] is True
    link = shell.type(typed["download"], CLOUD_STORAGE_URL=row["cloud_storage_url"])
    assert re.fullmatch(r"http://\S+\.safetensors\?AWSAccessKeyId=\S+&Signature=\S+&Expires=\d+", link)


@pytest.mark.parametrize("page", list(THEMES))
def test_placeholders_of_a_page_are_rejected_and_nothing_is_paid(
    shell: Shell, emulator: EmulatorControl, page: str
) -> None:
    typed = lines(page)
    said = {"flux": "data_source_path", "kontext": "failed", "qwen": "The body is not JSON"}
    assert said[page] in shell.type(typed.pop("submit"))
    assert shell.response(typed.pop("list")) == []
    assert "presigned_url" in shell.response(typed.pop("place"))
    assert {name for name, line in typed.items() if "error" not in shell.response(line)} == set()
    assert emulator.billing() == []


def sample(name: str, *changes: tuple[str, str]) -> str:
    """What a Python sample prints, with some of its text changed."""
    text = (TYPED / f"{name}.py.txt").read_text("utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return run(sys.executable, "-c", text)


def test_sample_of_the_image_page_prints_the_image_once_it_has_an_id(
    emulator: EmulatorControl, caller: Caller
) -> None:
    host, key = ("https://api.segmind.com", emulator.url), ("YOUR_API_KEY", emulator.api_key)
    assert "finetune_id is required" in sample("image", host, key)
    prompt = '"prompt": "TOK TOK",'
    printed = json.loads(sample("image", host, key, (prompt, f'{prompt} "finetune_id": "{caller.train()}",')))
    assert printed["image"].startswith("/9j/")
    assert printed["seed"] == 6652105


def test_samples_of_the_bfl_page_are_answered_as_it_shows(bfl: EmulatorControl) -> None:
    # The emulator speaks no TLS, which is a part of its address.
    host = ('HTTPSConnection("api.us1.bfl.ai")', f'HTTPConnection("{bfl.url.removeprefix("http://")}")')
    key = ("YOUR_SECRET_TOKEN", bfl.api_key)
    (lacking,) = json.loads(sample("bfl_details", host, key))["detail"]
    assert (lacking["type"], lacking["loc"]) == ("missing", ["query", "finetune_id"])
    (lacking,) = json.loads(sample("bfl_finetune", host, key))["detail"]
    assert (lacking["type"], lacking["loc"]) == ("missing", ["body"])
    job_id = BflCaller(bfl).train()
    path = ("/v1/finetune_details", f"/v1/finetune_details?finetune_id={job_id}")
    details = json.loads(sample("bfl_details", host, key, path))
    assert details["finetune_details"]["finetune_comment"] == "harbour"
