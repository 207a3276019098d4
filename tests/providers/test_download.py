"""Weights behind links that expire, from servers of every kind."""

from __future__ import annotations

import logging

import pytest

from tuneloop.clock import Deadline
from tuneloop.datasets.archive import DatasetArchive
from tuneloop.emulator import EmulatorControl, Fault
from tuneloop.emulator.objects import PREFIX
from tuneloop.errors import PresignedUrlExpired, ProviderError, ProviderUnavailable
from tuneloop.providers.segmind.client import SegmindProvider
from tuneloop.providers.segmind.recipes import FluxLoraRecipe
from tuneloop.schemas.ranged_source import RangedSource
from tuneloop.schemas.training import Submission

LINKS = "/finetune/request/file/download"


@pytest.fixture
def job(provider: SegmindProvider, archive: DatasetArchive, recipe: FluxLoraRecipe) -> str:
    job_id = provider.submit("robot-1", recipe, provider.deliver("a-name", archive), Deadline(60)).job_id
    provider.get_job(Submission(job_id=job_id))
    return job_id


def whole(source: RangedSource) -> bytes:
    with source.read(0, None) as chunks:
        return b"".join(chunks)


def part(source: RangedSource, start: int, stop: int) -> bytes:
    with source.read(start, stop) as chunks:
        return b"".join(chunks)


def sent(emulator: EmulatorControl) -> list[int]:
    return [
        entry.sent_bytes
        for entry in emulator.requests()
        if entry.path.startswith(PREFIX) and entry.method == "GET"
    ]


def links(emulator: EmulatorControl) -> int:
    return sum(entry.path == LINKS for entry in emulator.requests())


def test_size_and_etag_cost_one_byte(provider: SegmindProvider, emulator: EmulatorControl, job: str) -> None:
    source = provider.open_weights(Submission(job_id=job))[-1]
    assert sent(emulator) == [1]
    assert source.etag is not None
    data = whole(source)
    assert len(data) == source.size_bytes
    assert part(source, 1_000, 70_000) == data[1_000:70_000]
    assert sent(emulator)[-1] == 69_000


def test_cut_range_goes_on_at_that_very_byte(
    provider: SegmindProvider, emulator: EmulatorControl, job: str
) -> None:
    source = provider.open_weights(Submission(job_id=job))[-1]
    data = whole(source)
    for cut in (0, 1, 60_000, 200_000):
        emulator.inject(Fault("truncate", PREFIX, "GET", after_bytes=cut))
    assert part(source, 500, 900_000) == data[500:900_000]
    ranges = [entry.content_range or "" for entry in emulator.requests() if entry.path.startswith(PREFIX)]
    assert [found.partition("-")[0] for found in ranges[-4:]] == [
        "bytes 500",
        "bytes 501",
        "bytes 60501",
        "bytes 260501",
    ]


def test_link_that_expires_in_the_middle_is_asked_for_anew_and_reading_goes_on(
    provider: SegmindProvider, emulator: EmulatorControl, job: str
) -> None:
    source = provider.open_weights(Submission(job_id=job))[-1]
    data = whole(source)
    emulator.inject(Fault("truncate", PREFIX, "GET", after_bytes=300_000))
    got = b""
    before = links(emulator)
    with source.read(0, len(data)) as chunks:
        for chunk in chunks:
            if not got:
                emulator.advance(3_601)
            got += chunk
    assert got == data
    assert links(emulator) == before + 1


def test_links_that_are_all_refused_are_asked_for_three_times(
    provider: SegmindProvider, emulator: EmulatorControl, job: str
) -> None:
    emulator.switch(download_valid_s=0)
    with pytest.raises(PresignedUrlExpired, match="expired"):
        provider.open_weights(Submission(job_id=job))[-1]
    assert links(emulator) == 3


def test_connections_that_always_break_at_once_are_given_up(
    provider: SegmindProvider, emulator: EmulatorControl, job: str
) -> None:
    source = provider.open_weights(Submission(job_id=job))[-1]
    emulator.inject(Fault("truncate", PREFIX, "GET", after_bytes=0, times=100))
    with pytest.raises(ProviderUnavailable, match="cut"):
        part(source, 0, 1_000)
    assert len(sent(emulator)) < 10


@pytest.mark.parametrize("kind", ["whole", "without ETag", "without length"])
def test_file_that_cannot_be_read_by_range_safely_is_read_whole(
    provider: SegmindProvider, emulator: EmulatorControl, job: str, kind: str
) -> None:
    data = whole(provider.open_weights(Submission(job_id=job))[-1])
    emulator.switch(downloads=kind)
    source = provider.open_weights(Submission(job_id=job))[-1]
    assert source.etag is None
    assert source.size_bytes == (None if kind == "without length" else len(data))
    assert whole(source) == data


@pytest.mark.parametrize("kind", ["whole", "without length"])
def test_whole_file_that_is_cut_is_an_error_and_never_a_short_file(
    provider: SegmindProvider, emulator: EmulatorControl, job: str, kind: str
) -> None:
    emulator.switch(downloads=kind)
    source = provider.open_weights(Submission(job_id=job))[-1]
    emulator.inject(Fault("truncate", PREFIX, "GET", after_bytes=1_000))
    with pytest.raises(ProviderUnavailable):
        whole(source)


def test_no_link_is_in_a_log_or_an_error(
    provider: SegmindProvider, emulator: EmulatorControl, job: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    source = provider.open_weights(Submission(job_id=job))[-1]
    emulator.inject(Fault("refuse", PREFIX, "GET", status=404))
    with pytest.raises(ProviderError) as caught:
        part(source, 0, 1_000)
    for text in (caplog.text, str(caught.value), repr(caught.value)):
        assert "Signature=" not in text.replace("Signature=…", "")
