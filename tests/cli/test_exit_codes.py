"""Exit codes tell apart what a caller did wrong (2), an answer that is no (1) and what did not respond (3)."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.commands import in_an_empty_home, in_this_process
from tests.conftest import draw_images
from tests.one_answer import OneAnswer, one_answer
from tuneloop import errors
from tuneloop.cli.exit_codes import OUTAGE, REFUSED, USAGE, exit_code_of

CHECK = ("--provider", "segmind")
ANY_KEYS = {"TUNELOOP_S3_ACCESS_KEY": "any", "TUNELOOP_S3_SECRET_KEY": "any"}


@pytest.fixture
def nobody() -> Iterator[str]:
    """An address where nobody listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}"


@pytest.fixture
def broken() -> Iterator[OneAnswer]:
    """A server that answers 503 to everybody."""
    with one_answer() as server:
        server.status = 503
        yield server


@pytest.mark.parametrize(
    "arguments",
    [
        ("dmeo",),
        ("models", "--nope"),
        ("check", "images"),
        ("check", "images", "--provider", "nobody"),
        ("check", "nowhere", *CHECK),
        ("models", "--store", "file:///nowhere"),
        ("plan", "nowhere.yaml"),
    ],
    ids=" ".join,
)
def test_wrong_input_ends_with_2(arguments: tuple[str, ...], capfd: pytest.CaptureFixture[str]) -> None:
    done = in_this_process(*arguments)
    assert (done.returncode, done.stdout) == (USAGE, "")
    assert done.stderr or capfd.readouterr().err


def test_dataset_that_no_run_would_take_ends_with_1(tmp_path: Path) -> None:
    images = draw_images(tmp_path / "images", 3)
    assert in_this_process("check", str(images), *CHECK).returncode == 0
    (images / "0.png").write_bytes(b"no image")
    assert in_this_process("check", str(images), *CHECK).returncode == REFUSED


def test_address_that_answers_no_ends_with_1(broken: OneAnswer) -> None:
    broken.status = 404
    done = in_this_process("check", f"{broken.url}/robot.zip", *CHECK, TUNELOOP_ALLOW_PRIVATE_ADDRESSES="true")
    assert done.returncode == REFUSED, done.stderr


def test_dataset_whose_server_is_out_of_order_ends_with_3(broken: OneAnswer) -> None:
    done = in_this_process("check", f"{broken.url}/robot.zip", *CHECK, TUNELOOP_ALLOW_PRIVATE_ADDRESSES="true")
    assert done.returncode == OUTAGE, done.stderr


def test_store_whose_server_is_gone_ends_with_3(nobody: str) -> None:
    done = in_this_process("models", "--store", "s3://bucket/loras", TUNELOOP_S3_ENDPOINT=nobody, **ANY_KEYS)
    assert (done.returncode, done.stdout) == (OUTAGE, ""), done.stderr


@pytest.mark.parametrize(("status", "code"), [(503, OUTAGE), (403, REFUSED)])
def test_prefect_server_that_answers_with_an_error(
    broken: OneAnswer, status: int, code: int, tmp_path: Path
) -> None:
    broken.status = status
    done = in_an_empty_home(
        tmp_path, "automations", PREFECT_API_URL=f"{broken.url}/api", PREFECT_CLIENT_MAX_RETRIES="0"
    )
    assert done.returncode == code, done.stderr
    assert f"answers {status} to " in done.stderr
    assert done.stderr.count("\n") == 1


def test_every_error_of_ours_has_a_code() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    assert len(kinds) > 20
    for kind in kinds:
        error = kind("why", provider="segmind") if issubclass(kind, errors.ProviderError) else kind("why")
        assert exit_code_of(error) in {REFUSED, USAGE, OUTAGE}
