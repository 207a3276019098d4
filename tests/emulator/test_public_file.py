"""Datasets at a URL of the customer's."""

import pytest

from tests.emulator.public_files import serving
from tests.emulator.segmind_caller import Caller, dataset
from tuneloop.emulator import EmulatorControl

PATHS = ["/no-head.zip", "/no-length.zip", "/short.zip", "/moved.zip", "/not-there.zip"]


def test_a_public_dataset_is_fetched_and_trained_on(caller: Caller) -> None:
    with serving({"/set.zip": dataset()}) as public:
        url = f"{public}/set.zip?token=1"
        assert caller.submit(url).status_code == 400  # the server knows the path without the query
        job_id = caller.submit(f"{public}/set.zip").json()["finetune_id"]
    job = caller.details(job_id)
    assert (job["status"], job["data_source_path"]) == ("AVAILABLE", f"{public}/set.zip")
    assert caller.image(job_id).status_code == 200


def test_a_public_dataset_and_the_same_one_uploaded_give_the_same_weights(caller: Caller) -> None:
    with serving({"/set.zip": dataset()}) as public:
        jobs = [
            caller.submit(url).json()["finetune_id"] for url in (f"{public}/set.zip", caller.upload(dataset()))
        ]
    caller.listed()
    first, second = (caller.image(job).content for job in jobs)
    assert first == second


@pytest.mark.parametrize("path", PATHS)
def test_a_url_that_does_not_answer_head_and_get_with_a_length_is_refused(
    emulator: EmulatorControl, caller: Caller, path: str
) -> None:
    with serving({name: dataset() for name in PATHS[:-1]}) as public:
        response = caller.submit(public + path)
    assert response.status_code == 400
    assert "data_source_path" in response.json()["error"]
    assert emulator.billing() == []


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/set.zip",
        "https://127.0.0.1/set.zip",
        "http://127.0.0.1:9/set.zip",
        "http://127.0.0.1.example.com/set.zip",
        "ftp://127.0.0.1/set.zip",
        "file:///etc/passwd",
        "http://[::1",
        "set.zip",
    ],
)
def test_only_this_machine_counts_as_public(caller: Caller, url: str) -> None:
    response = caller.submit(url)
    assert (response.status_code, list(response.json())) == (400, ["error"])


def test_a_bad_public_dataset_fails_the_training(caller: Caller) -> None:
    with serving({"/set.zip": b"no zip at all"}) as public:
        job_id = caller.submit(f"{public}/set.zip").json()["finetune_id"]
    assert caller.details(job_id)["status"] == "FAILED"
