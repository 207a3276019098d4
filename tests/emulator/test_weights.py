"""The weights: what is in them, and how they are downloaded."""

from pathlib import Path

import pytest
import requests
from safetensors.numpy import load
from urllib3.exceptions import ProtocolError

from tests.emulator.segmind_caller import Caller, dataset
from tuneloop.emulator import EmulatorControl, Fault, Progress, running_emulator


def _weights(caller: Caller, **parameters: float) -> bytes:
    return requests.get(caller.weights_link(caller.train(**parameters)), timeout=60).content  # type: ignore[arg-type]


def test_weights_are_a_lora_that_loads(caller: Caller) -> None:
    content = _weights(caller, steps=800)
    tensors = load(content)
    first = "transformer.single_transformer_blocks.0.attn.to_q."
    assert tensors[first + "lora_A.weight"].shape == tensors[first + "lora_B.weight"].shape[::-1]
    assert all(0 < abs(values).max() < 1 for values in tensors.values())
    assert 1e6 < len(content) < 2e6


def test_same_dataset_and_recipe_give_the_same_weights(caller: Caller) -> None:
    assert len({_weights(caller, steps=800) for _ in range(2)}) == 1


def test_another_recipe_or_dataset_gives_other_weights(caller: Caller) -> None:
    other = requests.get(caller.weights_link(caller.train(dataset(7), steps=800)), timeout=60).content
    assert len({_weights(caller, steps=800), _weights(caller, steps=801), other}) == 3


def test_the_size_of_the_weights_is_a_choice(tmp_path: Path) -> None:
    size = 40_000_000
    with running_emulator("segmind", tmp_path, weights_bytes=size, progress=Progress.at_once()) as emulator:
        content = _weights(Caller(emulator))
    assert abs(len(content) - size) < 100_000
    assert load(content)


def test_a_download_is_resumed_where_it_broke(emulator: EmulatorControl, caller: Caller) -> None:
    link = caller.weights_link(caller.train())
    whole = requests.get(link, timeout=60)
    emulator.inject(Fault("truncate", "/s3/", method="GET", after_bytes=1_000_000))
    with requests.get(link, stream=True, timeout=60) as response:
        start = response.raw.read(1_000_000)
        with pytest.raises(ProtocolError, match="IncompleteRead"):
            response.raw.read(1)
    headers = {"Range": f"bytes={len(start)}-", "If-Range": whole.headers["ETag"]}
    rest = requests.get(link, headers=headers, timeout=60)
    assert rest.status_code == 206
    assert start + rest.content == whole.content


def test_a_part_of_a_file_that_has_changed_is_the_whole_file(caller: Caller) -> None:
    link = caller.weights_link(caller.train())
    response = requests.get(link, headers={"Range": "bytes=10-19", "If-Range": '"another"'}, timeout=60)
    assert response.status_code == 200
    assert len(response.content) == int(response.headers["Content-Length"]) > 1e6


@pytest.mark.parametrize(
    ("asked", "given"), [("bytes=0-9", (0, 10)), ("bytes=-5", (-5, None)), ("bytes=7-7", (7, 8))]
)
def test_a_part_is_the_part_that_was_asked_for(caller: Caller, asked: str, given: tuple[int, int | None]) -> None:
    link = caller.weights_link(caller.train())
    whole = requests.get(link, timeout=60).content
    response = requests.get(link, headers={"Range": asked}, timeout=60)
    assert response.content == whole[slice(*given)]
    assert response.headers["Content-Range"].endswith(f"/{len(whole)}")


def test_a_link_opens_for_an_hour(emulator: EmulatorControl, caller: Caller) -> None:
    link = caller.weights_link(caller.train())
    emulator.advance(3590)
    assert requests.get(link, timeout=60).status_code == 200
    emulator.advance(11)
    assert requests.get(link, timeout=60).status_code == 403


def test_a_link_for_reading_does_not_write(caller: Caller) -> None:
    link = caller.weights_link(caller.train())
    assert requests.put(link, data=b"mine", timeout=60).status_code == 403


def test_a_link_to_an_upload_expires_with_the_clock(emulator: EmulatorControl, caller: Caller) -> None:
    place = caller.place()["presigned_url"]
    emulator.advance(3601)
    assert requests.put(place, data=dataset(), timeout=60).status_code == 403


def test_an_upload_can_be_measured_and_read_back(caller: Caller) -> None:
    archive = dataset()
    s3_url = caller.upload(archive)
    assert requests.head(s3_url, timeout=60).headers["Content-Length"] == str(len(archive))
    assert requests.get(s3_url, timeout=60).content == archive


def test_a_made_public_model_shows_so_in_both_fields(caller: Caller) -> None:
    job_id = caller.train()
    form = {"request_id": (None, job_id), "segmind_public": (None, "True")}
    assert caller.call("PUT", "/finetune/request/access-update", files=form).text == "200"
    assert caller.details(job_id)["public_model"] is True
    assert caller.listed()[0]["segmind_public_model"] is True


def test_the_log_counts_what_went_out_of_a_download(emulator: EmulatorControl, caller: Caller) -> None:
    link = caller.weights_link(caller.train())
    whole = requests.get(link, timeout=60)
    requests.get(link, headers={"Range": "bytes=10-19"}, timeout=60)
    emulator.inject(Fault("truncate", "/s3/", method="GET", after_bytes=1_000))
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        requests.get(link, timeout=60)
    size = len(whole.content)
    counted = [(entry.sent_bytes, entry.content_range) for entry in emulator.requests() if "/s3/" in entry.path]
    assert counted[-3:] == [(size, None), (10, f"bytes 10-19/{size}"), (1_000, None)]


@pytest.mark.parametrize(
    ("kind", "status", "headers"),
    [
        ("by range", 206, {"ETag", "Content-Length", "Content-Range"}),
        ("whole", 200, {"ETag", "Content-Length"}),
        ("without ETag", 206, {"Content-Length", "Content-Range"}),
        ("without length", 200, {"ETag", "Transfer-Encoding"}),
    ],
)
def test_downloads_are_those_of_servers_of_many_kinds(
    emulator: EmulatorControl, caller: Caller, kind: str, status: int, headers: set[str]
) -> None:
    link = caller.weights_link(caller.train())
    whole = requests.get(link, timeout=60).content
    emulator.switch(downloads=kind)
    response = requests.get(link, headers={"Range": "bytes=10-19"}, timeout=60)
    assert response.status_code == status
    assert response.content == (whole[10:20] if status == 206 else whole)
    known = {"ETag", "Content-Length", "Content-Range", "Transfer-Encoding"}
    assert {name for name in known if name in response.headers} == headers


def _lengths(link: str, count: int) -> list[int]:
    lengths = []
    for _ in range(count):
        with requests.get(link, stream=True, timeout=60) as response:
            try:
                lengths.append(sum(map(len, response.iter_content(1 << 16))))
            except requests.exceptions.ChunkedEncodingError:
                lengths.append(-1)
    return lengths


def test_downloads_are_cut_at_random_places_which_a_seed_repeats(tmp_path: Path) -> None:
    counted = []
    for run in ("one", "two"):
        with running_emulator("segmind", tmp_path / run, progress=Progress.at_once()) as emulator:
            link = Caller(emulator).weights_link(Caller(emulator).train())
            emulator.switch(download_cut=1_000_000, download_seed=4)
            assert _lengths(link, 5) == [-1] * 5
            emulator.switch(download_cut=0)
            assert _lengths(link, 1)[0] > 1_000_000
            counted.append([entry.sent_bytes for entry in emulator.requests() if entry.method == "GET"])
    assert counted[0] == counted[1]
    assert len(set(counted[0])) > 5


def test_a_link_is_good_for_as_long_as_a_switch_says(emulator: EmulatorControl, caller: Caller) -> None:
    emulator.switch(download_valid_s=0)
    assert requests.get(caller.weights_link(caller.train()), timeout=60).status_code == 403
    emulator.switch(download_valid_s=7200)
    link = caller.weights_link(caller.train())
    emulator.advance(7_000)
    assert requests.get(link, timeout=60).status_code == 200
