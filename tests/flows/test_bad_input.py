"""What cannot work is refused with a sentence that helps, before anything is paid or recorded."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prefect.filesystems import LocalFileSystem
from pydantic import SecretStr

from blocks.segmind_credentials import SegmindCredentials
from tests.conftest import draw_images
from tests.datasets.images import encoded, noise
from tests.flows.bill import Bill
from tests.flows.runs import here, start, wait_for
from tuneloop.emulator import EmulatorControl
from tuneloop.ledger.ledger import Ledger

RECORDS = ("runs/", "trainings/", "inflight/", "models/")
WRONG_KEY = "SG_fedcba9876543210"


def records(ledger: Ledger, *prefixes: str) -> set[str]:
    return {name for prefix in prefixes for name in ledger.store.names(prefix)}


def refusal(wish: dict[str, Any], bill: Bill) -> str:
    """Why a run has failed. It has ordered nothing."""
    state = here(wish)
    assert state.name == "Failed"
    assert bill.orders == []
    return state.message or ""


def empty(folder: Path) -> None:
    folder.mkdir()


def absent(folder: Path) -> None:
    assert not folder.exists()


def with_text_named_jpg(folder: Path) -> None:
    (draw_images(folder) / "note.jpg").write_text("not an image")


def with_cut_jpg(folder: Path) -> None:
    whole = encoded(noise(64, 64), "JPEG")
    (draw_images(folder) / "cut.jpg").write_bytes(whole[: -len(whole) // 3])


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (empty, "holds no images; put jpg, png or webp files into it"),
        (absent, "there is no such folder; check the path"),
        (with_text_named_jpg, "note.jpg: is a text; replace or remove it"),
        (with_cut_jpg, "cut.jpg: is broken or cut short"),
    ],
)
def test_unusable_folder_is_named_with_the_remedy(
    make: Callable[[Path], None], said: str, wish: dict[str, Any], bill: Bill, ledger: Ledger, tmp_path: Path
) -> None:
    folder = tmp_path / "unusable"
    make(folder)
    before = records(ledger, *RECORDS)
    message = refusal({**wish, "dataset": str(folder)}, bill)
    assert "DatasetError" in message
    assert str(folder) in message
    assert said in message
    assert records(ledger, *RECORDS) == before


@pytest.mark.parametrize(
    ("parameter", "slug", "said"),
    [
        ("store", "local-file-system/nowhere", "block local-file-system/nowhere not found; create it in the"),
        ("store", "nonsense/tuneloop", "block nonsense/tuneloop not found; create it in the Prefect UI"),
        ("store", "segmind-credentials/default", "is not a store; name one of `s3-bucket/NAME` or `local-file-"),
        ("store", "tuneloop", "'tuneloop' is not a block slug; pass `s3-bucket/NAME` or `local-file-system/NAME`"),
        ("credentials", "segmind-credentials/nowhere", "block segmind-credentials/nowhere not found; create it"),
        ("credentials", "local-file-system/tuneloop", "holds no provider's credentials; name one of `bfl-"),
    ],
)
def test_block_that_is_missing_or_of_another_kind_is_named_with_the_remedy(
    parameter: str, slug: str, said: str, wish: dict[str, Any], bill: Bill, ledger: Ledger
) -> None:
    before = records(ledger, *RECORDS)
    message = refusal({**wish, parameter: slug}, bill)
    assert "ConfigurationError" in message
    assert said in message
    assert records(ledger, *RECORDS) == before


def test_store_that_cannot_be_written_is_found_before_the_images_are_read(
    wish: dict[str, Any], bill: Bill, tmp_path: Path
) -> None:
    file = tmp_path / "a-file"
    file.write_text("in the way")
    LocalFileSystem(basepath=str(file / "store")).save("below-a-file", overwrite=True)
    message = refusal({**wish, "store": "local-file-system/below-a-file", "dataset": "/nowhere"}, bill)
    assert f"StoreError: The folder {file}/store of the artifact store cannot be used" in message
    assert file.read_text() == "in the way"


def test_wrong_key_is_refused_before_anything_is_claimed(
    wish: dict[str, Any], bill: Bill, ledger: Ledger, emulator: EmulatorControl
) -> None:
    SegmindCredentials(api_key=WRONG_KEY, base_url=emulator.url).save("wrong-key", overwrite=True)
    before = records(ledger, "trainings/", "inflight/", "models/")
    message = refusal({**wish, "credentials": "segmind-credentials/wrong-key"}, bill)
    assert "the API key is missing or wrong; put the right one into the credentials block" in message
    assert "status 401" in message
    assert WRONG_KEY not in message
    assert records(ledger, "trainings/", "inflight/", "models/") == before


def test_block_that_holds_what_cannot_be_used_is_named_with_its_field_and_not_its_key(
    wish: dict[str, Any], bill: Bill, emulator: EmulatorControl
) -> None:
    block = SegmindCredentials(api_key=WRONG_KEY, base_url=emulator.url)
    # The form of the Prefect UI takes it: it is checked where it is loaded.
    block.api_key = SecretStr(f"{WRONG_KEY}\u200b")
    block.save("pasted-key", overwrite=True)
    message = refusal({**wish, "credentials": "segmind-credentials/pasted-key"}, bill)
    assert "ConfigurationError: block segmind-credentials/pasted-key cannot be used: api_key: character" in message
    assert "U+200B" in message
    assert WRONG_KEY not in message


WRONG_RECIPES = [
    ({"machine_type": "NVIDIA_B200"}, "machine_type", "NVIDIA_H100"),
    ({"advance_parameters": {"steps": 0}}, "advance_parameters.steps", "0"),
    ({"advance_parameters": {"learning_rate": 0}}, "advance_parameters.learning_rate", "0"),
    ({"advance_parameters": {"rank": 16}}, "advance_parameters", "rank"),
]


def test_wrong_recipe_of_a_deployed_run_ends_it_and_names_the_field(wish: dict[str, Any], bill: Bill) -> None:
    run = start({**wish, "recipe": {**wish["recipe"], "machine_type": "NVIDIA_B200"}})
    message = wait_for(run, "Failed").message or ""
    assert "recipe.flux-lora.machine_type" in message
    assert "NVIDIA_H100" in message
    assert bill.orders == []


@pytest.mark.parametrize(("change", "field", "said"), WRONG_RECIPES)
def test_wrong_recipe_is_refused_by_the_flow_before_anything_is_written(
    change: dict[str, Any], field: str, said: str, wish: dict[str, Any], bill: Bill, ledger: Ledger
) -> None:
    before = records(ledger, *RECORDS)
    message = refusal({**wish, "recipe": {**wish["recipe"], **change}}, bill)
    assert field in message
    assert said in message
    assert records(ledger, *RECORDS) == before


def test_emulator_names_the_port_in_use_in_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "tuneloop.cli.app", "emulator", "--port", str(port)]
        done = subprocess.run(
            [*command, "--folder", str(tmp_path / "emulator")], capture_output=True, text=True, check=False
        )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert f"port {port} of 127.0.0.1 cannot be used (Address already in use)" in done.stderr
    assert "choose another port" in done.stderr
