"""An image that was accepted is billed: whatever goes wrong afterwards is no reason to order it again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tuneloop.clock import Deadline
from tuneloop.datasets.archive import DatasetArchive
from tuneloop.emulator import EmulatorControl, Fault, Progress, running_emulator
from tuneloop.errors import ProviderUnavailable, RateLimited, RequestRejected, UnexpectedResponse
from tuneloop.providers import image
from tuneloop.providers.base import Provider, TrainedModel
from tuneloop.providers.bfl import render as bfl_inference
from tuneloop.providers.bfl.client import BflProvider
from tuneloop.providers.bfl.recipes import BflFinetuneRecipe, BflUltraRender
from tuneloop.providers.segmind import render as segmind_inference
from tuneloop.providers.segmind.client import SegmindProvider
from tuneloop.providers.segmind.recipes import FluxDevRender, FluxLoraRecipe
from tuneloop.schemas.recipe_fields import BaseRecipe
from tuneloop.schemas.render_settings import ServiceSettings
from tuneloop.schemas.training import RenderedImage, Submission


@dataclass(frozen=True)
class Booth:
    """A model whose images are accepted first and fetched later.

    Attributes:
        emulator: Its provider.
        provider: The account.
        job_id: The provider's id of the model.
        settings: How it renders.
        order: Beginning of the paths that orders are sent to.
        state: Beginning of the paths that tell how far an image is.
        file: Beginning of the paths that hand it out.
    """

    emulator: EmulatorControl
    provider: Provider
    job_id: str
    settings: ServiceSettings
    order: str
    state: str
    file: str

    def image(self) -> RenderedImage:
        return self.provider.render(TrainedModel(Submission(job_id=self.job_id)), "ROBOX at sea", 7, self.settings)

    @property
    def orders(self) -> int:
        return sum(one.method == "POST" and one.path.startswith(self.order) for one in self.emulator.requests())

    @property
    def paid(self) -> int:
        return sum(entry.kind == "inference" and not entry.refunded for entry in self.emulator.billing())


KINDS: dict[str, tuple[type[SegmindProvider | BflProvider], BaseRecipe, ServiceSettings, tuple[str, str, str]]] = {
    "segmind": (
        SegmindProvider,
        FluxLoraRecipe(instance_prompt="a photo of ROBOX", trigger_word="ROBOX"),
        FluxDevRender(),
        ("/v2/flux-dev-finetuned", "/v2/requests/", "/outputs/"),
    ),
    "bfl": (
        BflProvider,
        BflFinetuneRecipe(mode="character", trigger_word="ROBOX"),
        BflUltraRender(),
        ("/v1/flux-pro-1.1-ultra-finetuned", "/v1/get_result", "/results/"),
    ),
}


@pytest.fixture(params=list(KINDS))
def booth(
    request: pytest.FixtureRequest, tmp_path: Path, archive: DatasetArchive, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Booth]:
    client, recipe, settings, paths = KINDS[request.param]
    monkeypatch.setattr(image, "POLL_PAUSE_S", 0.01)
    with running_emulator(request.param, tmp_path / "booth", progress=Progress.at_once()) as emulator:
        provider = client(emulator.api_key, base_url=emulator.url)
        job_id = provider.submit("robot-1", recipe, provider.deliver("a-name", archive), Deadline(60)).job_id
        provider.get_job(Submission(job_id=job_id))
        if request.param == "segmind":
            emulator.need_queue(job_id)
        emulator.switch(image_s=0.05)
        yield Booth(emulator, provider, job_id, settings, *paths)


def test_image_is_ordered_once_and_paid_once(booth: Booth) -> None:
    assert len(booth.image().data) > 500
    assert (booth.orders, booth.paid) == (1, 1)


@pytest.mark.parametrize("where", ["state", "file"])
@pytest.mark.parametrize(
    "fault",
    [
        Fault("refuse", status=429, times=2),
        # More often than one request is repeated by itself.
        Fault("refuse", status=503, times=5),
        Fault("cut_after_effect", times=5),
    ],
    ids=["429", "503", "cut"],
)
def test_trouble_while_it_is_fetched_is_waited_for_and_nothing_is_ordered_again(
    booth: Booth, where: str, fault: Fault
) -> None:
    path = getattr(booth, where)
    booth.emulator.inject(Fault(fault.kind, path, "GET", times=fault.times, status=fault.status))
    assert len(booth.image().data) > 500
    assert (booth.orders, booth.paid) == (1, 1)


def test_download_that_breaks_in_the_middle_is_repeated(booth: Booth) -> None:
    booth.emulator.inject(Fault("truncate", booth.file, "GET", times=2, after_bytes=300))
    assert len(booth.image().data) > 500
    assert (booth.orders, booth.paid) == (1, 1)


@pytest.mark.parametrize("status", [401, 403])
def test_refusal_to_tell_how_far_it_is_is_no_refusal_of_the_order(booth: Booth, status: int) -> None:
    booth.emulator.inject(Fault("refuse", booth.state, "GET", status=status))
    with pytest.raises(UnexpectedResponse, match="the image request was accepted, but polling it was rejected"):
        booth.image()
    assert (booth.orders, booth.paid) == (1, 1)


def test_image_that_ends_badly_is_a_refusal_and_not_paid(booth: Booth) -> None:
    booth.emulator.switch(images_fail="Content Moderated")
    with pytest.raises(RequestRejected):
        booth.image()
    assert (booth.orders, booth.paid) == (1, 0)


def test_image_that_never_comes_is_given_up_as_accepted(booth: Booth, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (bfl_inference, segmind_inference):
        monkeypatch.setattr(module, "_LONGEST_WAIT_S", 0.1)
    booth.emulator.inject(Fault("refuse", booth.state, "GET", status=429, times=10_000))
    with pytest.raises(ProviderUnavailable, match="but the image cannot be fetched") as caught:
        booth.image()
    assert not isinstance(caught.value, RateLimited)
    assert (booth.orders, booth.paid) == (1, 1)


def test_image_at_a_foreign_host_is_not_ordered_again_and_the_remedy_is_named(booth: Booth) -> None:
    booth.emulator.switch(image_host="https://images.example.com")
    with pytest.raises(UnexpectedResponse, match=r"points to images\.example\.com.*storage_hosts"):
        booth.image()
    assert (booth.orders, booth.paid) == (1, 1)
