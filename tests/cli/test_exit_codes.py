"""Exit codes tell apart what a caller did wrong (2), an answer that is no (1) and what did not respond (3)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.cli.commands import in_an_empty_home, in_this_process
from tests.conftest import draw_images
from tests.one_answer import OneAnswer, one_answer
from tuneloop import errors
from tuneloop.cli.exit_codes import OUTAGE, REFUSED, USAGE, exit_code_of
from tuneloop.local_server.processes import ProgramFailed

CHECK = ("--provider", "segmind")
ANY_KEYS = {"TUNELOOP_S3_ACCESS_KEY": "any", "TUNELOOP_S3_SECRET_KEY": "any"}


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
    assert in_this_process("check", str(tmp_path / "nowhere"), *CHECK).returncode == REFUSED


def test_address_that_answers_no_ends_with_1(broken: OneAnswer) -> None:
    broken.status = 404
    done = in_this_process("check", f"{broken.url}/robot.zip", *CHECK, TUNELOOP_ALLOW_PRIVATE_ADDRESSES="true")
    assert done.returncode == REFUSED, done.stderr


def test_dataset_whose_server_is_out_of_order_ends_with_3(broken: OneAnswer) -> None:
    done = in_this_process("check", f"{broken.url}/robot.zip", *CHECK, TUNELOOP_ALLOW_PRIVATE_ADDRESSES="true")
    assert done.returncode == OUTAGE, done.stderr


def test_dataset_of_which_only_a_part_arrives_ends_with_3(broken: OneAnswer) -> None:
    broken.status, broken.headers = 200, {"Transfer-Encoding": "chunked"}
    # Five bytes and a proper end, where Content-Length announces more.
    broken.body = b"5\r\nhello\r\n0\r\n\r\n"
    done = in_this_process("check", f"{broken.url}/robot.zip", *CHECK, TUNELOOP_ALLOW_PRIVATE_ADDRESSES="true")
    assert (done.returncode, "5 of 15 bytes arrived" in done.stderr) == (OUTAGE, True), done.stderr


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


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (errors.DatasetUnavailable, OUTAGE),
        (errors.StoreUnavailable, OUTAGE),
        (errors.NoStore, USAGE),
        (errors.ClockWrong, USAGE),
        (errors.DatasetError, USAGE),
        (errors.StoreError, REFUSED),
        (errors.CorruptRecord, REFUSED),
        (errors.BudgetExceeded, REFUSED),
        (errors.TrainingOnHold, REFUSED),
        (ProgramFailed, OUTAGE),
        (RecursionError, None),
        (NotImplementedError, None),
    ],
)
def test_nearest_class_of_an_error_says_its_code(kind: type[Exception], code: int | None) -> None:
    assert exit_code_of(kind("why")) == code


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (errors.RateLimited, OUTAGE),
        (errors.PresignedUrlExpired, OUTAGE),
        (errors.UnexpectedResponse, REFUSED),
        (errors.AuthenticationFailed, REFUSED),
    ],
)
def test_provider_that_may_respond_later_is_told_from_one_that_rejects(
    kind: type[errors.ProviderError], code: int
) -> None:
    assert exit_code_of(kind("why", provider="segmind")) == code


def test_server_that_prefect_has_lost_is_an_outage() -> None:
    lost = RuntimeError("Failed to reach the API")
    assert exit_code_of(lost) is None
    lost.__cause__ = httpx.ConnectError("refused")
    assert exit_code_of(lost) == OUTAGE
