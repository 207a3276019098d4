"""fal's client, beside what the contract asks of every provider."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.conftest import draw_images
from tests.contract.conftest import recipe_named
from tests.emulator.public_files import serving
from tests.wire.exchanges import Exchange, exchange
from tests.wire.replay import replaying
from tuneloop.clock import Deadline
from tuneloop.datasets.archive import DatasetArchive
from tuneloop.emulator import EmulatorControl, Fault, Progress, running_emulator
from tuneloop.errors import (
    ConfigurationError,
    ProviderUnavailable,
    UnexpectedResponse,
)
from tuneloop.http.retries import RequestPolicy
from tuneloop.http.transport import Transport
from tuneloop.providers.base import TrainedModel
from tuneloop.providers.expected_hosts import ExpectedHosts
from tuneloop.providers.fal.client import FalProvider
from tuneloop.providers.fal.errors import map_error
from tuneloop.providers.fal.services import FLUX_LORA
from tuneloop.providers.fal.storage import HOSTS, FalStorage
from tuneloop.schemas.training import Submission

KEY = "fal-key-of-a-test"
FAST = "fal-ai/flux-lora-fast-training"
FLUX = recipe_named("fal-flux-lora")
NAME = "0123456789abcdef-g1"
ONE_TRY = RequestPolicy(tries=1)


class Bytes:
    """A file of ours."""

    def __init__(self, data: bytes, address: str | None = None) -> None:
        self._data, self._address = data, address
        self.size_bytes = len(data)

    def chunks(self) -> Iterator[bytes]:
        yield self._data[:3]
        yield self._data[3:]

    def url(self) -> str | None:
        return self._address


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatorControl]:
    with running_emulator("fal", tmp_path_factory.mktemp("fal")) as control:
        yield control


@pytest.fixture
def fal(running: EmulatorControl) -> EmulatorControl:
    running.reset_switches()
    running.clear_faults()
    running.progress(Progress.at_once())
    running.switch(image_s=0)
    return running


@pytest.fixture
def client(fal: EmulatorControl) -> FalProvider:
    return FalProvider(fal.api_key, base_url=fal.url)


def trainings(emulator: EmulatorControl) -> int:
    return sum(entry.kind == "training" for entry in emulator.billing())


def submitted(client: FalProvider, archive: DatasetArchive, name: str) -> Submission:
    return client.submit(name, FLUX, client.deliver(name, archive), Deadline(60))


def changed(name: str, **body: Any) -> Exchange:
    """A documented exchange whose answer has other values."""
    documented = exchange("fal", name)
    answer = dataclasses.replace(documented.response, body={**documented.response.body, **body})
    return dataclasses.replace(documented, response=answer)


def test_retired_trainer_is_refused_before_anything_is_paid(fal: EmulatorControl, client: FalProvider) -> None:
    fal.switch(retired=[FAST])
    before = len(fal.billing())
    with pytest.raises(ConfigurationError, match=r"flux-lora-fast-training is deprecated .* Nothing was paid"):
        client.prepare(NAME, FLUX)
    client.prepare(NAME, recipe_named("fal-flux-2-lora"))
    assert len(fal.billing()) == before


@pytest.mark.parametrize("missing", ["images_data_url", "steps"])
def test_trainer_whose_schema_lacks_what_is_sent_is_refused(missing: str) -> None:
    inputs: dict[str, Any] = {name: {} for name in ("images_data_url", "steps", "trigger_word") if name != missing}
    schema = {"$ref": "#/components/schemas/Input"}
    post = {"post": {"requestBody": {"content": {"application/json": {"schema": schema}}}}}
    openapi = {"paths": {f"/{FAST}": post}, "components": {"schemas": {"Input": {"properties": inputs}}}}
    with (
        replaying(changed("a trainer", models=[{"endpoint_id": FAST, "openapi": openapi}])) as replay,
        pytest.raises(ConfigurationError, match=f"no input {missing} any more"),
    ):
        FalProvider(KEY, base_url=replay.url).prepare(NAME, FLUX)


@pytest.mark.parametrize(
    "silent", ["the requests to trainers without a key", "a training while the queue is down"]
)
def test_platform_that_does_not_answer_stops_nothing_and_leaves_the_price_to_the_page(silent: str) -> None:
    with replaying(exchange("fal", silent)) as replay:
        client = FalProvider(KEY, base_url=replay.url, policy=ONE_TRY)
        client.prepare(NAME, FLUX)
        price = client.price(FLUX, None)
    assert price is not None
    assert (price.cents, price.basis) == (200, "1000 steps by its trainer page")


def test_price_of_the_account_comes_before_the_one_of_the_page(client: FalProvider) -> None:
    price = client.price(recipe_named("fal-kontext-lora", steps=100), None)
    assert price is not None
    assert (price.cents, price.basis) == (125, "500 steps by fal's pricing API")


@pytest.mark.parametrize(
    ("row", "cents"),
    [
        ({"unit": "steps", "unit_price": 0.003, "currency": "USD"}, 300),
        ({"unit": "1000 steps", "unit_price": 2.5, "currency": "USD"}, 250),
        ({"unit": "compute seconds", "unit_price": 0.001, "currency": "USD"}, 200),
        ({"unit": "step", "unit_price": 0.003, "currency": "EUR"}, 200),
        ({"unit": "step", "unit_price": "free", "currency": "USD"}, 200),
    ],
)
def test_price_in_a_unit_that_is_not_known_is_left_alone(row: dict[str, Any], cents: int) -> None:
    with replaying(changed("the price of a trainer", prices=[{"endpoint_id": FAST, **row}])) as replay:
        price = FalProvider(KEY, base_url=replay.url).price(FLUX, None)
    assert price is not None
    assert price.cents == cents


def test_job_on_a_later_page_is_found_beside_rows_that_cannot_be_read(
    fal: EmulatorControl, client: FalProvider, archive: DatasetArchive
) -> None:
    name = "000000000000000a-g1"
    job = submitted(client, archive, name)
    payload = {"images_data_url": "https://v3.fal.media/files/b/1/000000000000000a-g2.zip"}
    others = [{"request_id": f"r{n}", "endpoint_id": FAST, "json_input": {}} for n in range(105)]
    fal.switch(extra_rows=["a text", {"endpoint_id": FAST, "json_input": payload}, *others])
    found = client.find("000000000000000a")
    assert [each.job_id for each in found.jobs] == [job.job_id]
    assert found.unreadable == {"000000000000000a-g2": "it has no request_id or no endpoint_id"}
    assert found.notes == ("the list's row of job without an id was skipped: it is a str, no object",)
    assert len(found.shown) > 105
    assert not found.list_is_complete


def test_submit_without_an_answer_is_found_once_the_list_shows_it_and_proves_nothing_before(
    fal: EmulatorControl, client: FalProvider, archive: DatasetArchive
) -> None:
    fal.progress(Progress.after_seconds(3600))
    before = trainings(fal)
    dataset = client.deliver("000000000000000b-g1", archive)
    fal.inject(Fault("cut_after_effect", "/", "POST"))
    with pytest.raises(ProviderUnavailable):
        client.submit("000000000000000b-g1", FLUX, dataset, Deadline(60))
    waiting = client.find("000000000000000b")
    assert (waiting.jobs, waiting.list_is_complete) == ((), False)
    fal.progress(Progress.at_once())
    (found,) = client.find("000000000000000b").jobs
    assert client.get_job(Submission.of(found)).phase == "ready"
    assert trainings(fal) == before + 1


def test_cancelled_training_has_failed_and_is_not_cancelled_again(
    fal: EmulatorControl, client: FalProvider, archive: DatasetArchive
) -> None:
    fal.progress(Progress.after_seconds(3600))
    job = submitted(client, archive, "000000000000000c-g1")
    assert client.cancel(job)
    status = client.get_job(job)
    assert (status.provider_status, status.billed) == ("COMPLETED (client_cancelled)", True)
    assert not client.cancel(job)
    nobody = Submission(job_id="nobody", handle={"endpoint": FAST})
    assert not client.cancel(nobody)
    # As the trainers' own documents have it.
    with replaying(changed("a cancellation", success=False)) as replay:
        assert not FalProvider(KEY, base_url=replay.url).cancel(nobody)


def test_job_that_a_person_names_is_known_by_its_trainer_or_by_the_list(
    client: FalProvider, archive: DatasetArchive
) -> None:
    job = submitted(client, archive, "000000000000000d-g1")
    typed = Submission(job_id=job.job_id, handle=client.handle_for(job.job_id, FLUX))
    assert client.get_job(typed).phase == "ready"
    bare = Submission(job_id=job.job_id)
    assert client.get_job(bare).name == "000000000000000d-g1"
    assert client.open_weights(bare)[0].size_bytes == client.open_weights(job)[0].size_bytes


def test_large_file_is_uploaded_in_parts(fal: EmulatorControl) -> None:
    transport = Transport("fal", fal.url, ("Authorization", "Key", fal.api_key), map_error)
    hosts = ExpectedHosts(fal.url, HOSTS, "fal's storage", ())
    data = bytes(range(256)) * 10
    storage = FalStorage(transport, hosts, one_put_bytes=1000, part_bytes=1000)
    address = storage.upload(f"{NAME}.zip", Bytes(data), "application/zip")
    assert requests.get(address, timeout=10).content == data
    assert [seen.path.rpartition("/")[2] for seen in fal.requests() if "/multipart/" in seen.path] == [
        "1",
        "2",
        "3",
        "complete",
    ]


def test_upload_whose_address_does_not_keep_the_jobs_name_is_refused_before_it_is_sent() -> None:
    documented = exchange("fal", "a place for an upload")
    with replaying(documented) as replay:
        client = FalProvider(KEY, base_url=replay.url)
        with pytest.raises(UnexpectedResponse, match="could not be found again; nothing was submitted"):
            client.deliver("fedcba9876543210-g1", Bytes(b"zipped"))
        assert [received.method for received in replay.received] == ["POST"]


@pytest.mark.parametrize("before", ["", "Ab_", "Ab-", "Ab", "0a", "a/b%5F"])
def test_job_is_found_by_its_zip_whatever_storage_puts_before_its_name(before: str) -> None:
    address = f"https://v3.fal.media/files/{before}{NAME}.zip"
    row = {"request_id": "r1", "endpoint_id": FAST, "json_input": {"images_data_url": address}}
    with replaying(changed("the requests to a trainer", items=[row], next_cursor=None)) as replay:
        (found,) = FalProvider(KEY, base_url=replay.url).find(NAME.partition("-")[0]).jobs
    assert found.name == NAME


def test_weights_of_a_local_store_are_uploaded_once_for_many_images(
    fal: EmulatorControl, client: FalProvider, archive: DatasetArchive
) -> None:
    job = submitted(client, archive, "000000000000000e-g1")
    client.get_job(job)
    with client.open_weights(job)[0].read(0, None) as chunks:
        weights = b"".join(chunks)
    uploads = _uploads(fal)
    for seed in (1, 2):
        client.render(TrainedModel(job, Bytes(weights)), "ROBOX", seed, FLUX_LORA(), None)
    assert _uploads(fal) == uploads + 1
    with serving({"/lora.safetensors": weights}) as origin:
        signed = TrainedModel(job, Bytes(weights, f"{origin}/lora.safetensors"))
        FalProvider(fal.api_key, base_url=fal.url).render(signed, "ROBOX", 3, FLUX_LORA(), None)
    assert _uploads(fal) == uploads + 1


def _uploads(emulator: EmulatorControl) -> int:
    return sum(seen.path == "/storage/upload/initiate" for seen in emulator.requests())


def test_image_to_edit_goes_only_to_a_service_that_edits(client: FalProvider, tmp_path: Path) -> None:
    image = next(draw_images(tmp_path / "images").iterdir()).read_bytes()
    with pytest.raises(ConfigurationError, match="does not render with fal-ai/flux-lora"):
        client.render(TrainedModel(Submission(job_id="j")), "ROBOX", 1, FLUX_LORA(), image)
