"""One image by a champion, on request: sent once, whatever becomes of the response."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from secrets import token_hex
from typing import NamedTuple

from tuneloop.datasets.images.inspect import inspect_image, strict_decoding
from tuneloop.errors import ConfigurationError, ProviderUnavailable, RateLimited, UnexpectedResponse
from tuneloop.providers.base import Provider, TrainedModel
from tuneloop.providers.registry import recorded_recipe
from tuneloop.schemas.records import Promotion
from tuneloop.schemas.render_settings import ServiceSettings
from tuneloop.schemas.spending import Purpose
from tuneloop.schemas.training import Submission
from tuneloop.storage.local_files import output_file
from tuneloop.storage.stored_file import StoredFile

_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
_TRIGGER = "{trigger}"


class ImageRequest(NamedTuple):
    """One image, as it will be requested."""

    promotion: Promotion
    prompt: str
    seed: int
    settings: ServiceSettings
    """Which service renders, with that one's defaults."""
    stem: Path
    """Where the image goes, without the suffix: that follows from what arrives."""
    image: bytes | None
    """The encoded image to edit, None for models that do not edit."""

    @property
    def purpose(self) -> Purpose:
        """What the budget counts it for."""
        promotion = self.promotion
        return Purpose(promotion.model, promotion.key, promotion.attempt, "none, tuneloop generate", None)

    def summary(self, cents: float | None) -> str:
        """What will be requested and that it costs money: `cents`, None if unknown."""
        promotion = self.promotion
        edited = " an edit of the image" if self.image is not None else " an image"
        price = "the price of an image is not known here" if cents is None else f"${cents / 100:.4g}"
        return (
            f"Requesting{edited} from {promotion.account.slug} by {promotion.model} v{promotion.number} "
            f"(its id {promotion.job_id}) with {self.settings.endpoint}, seed {self.seed}: {self.prompt!r}. "
            f"{promotion.account.provider} bills it; {price}."
        )


def image_request(
    promotion: Promotion, prompt: str, *, seed: int, out: Path | None = None, image: Path | None = None
) -> ImageRequest:
    """Check everything that can be checked before money is spent.

    In the prompt, {trigger} stands for the model's trigger word. `out` is a folder, or the file to make, whose
    suffix is replaced by that of the image's format.

    Raises:
        ConfigurationError: The prompt or a file does not fit, or an image has the file's name already.
        DatasetError: The image to edit cannot be decoded.
    """
    model, number, trigger = promotion.model, promotion.number, promotion.trigger_word
    recipe = recorded_recipe.validate_python(promotion.recipe)
    if recipe.edit_pairs and image is None:
        raise ConfigurationError(f"--image: {model} edits images; name the one to edit")
    if image is not None and not recipe.edit_pairs:
        raise ConfigurationError(f"--image: {model} does not edit images; leave it out")
    if _TRIGGER in prompt and trigger is None:
        raise ConfigurationError(
            f"PROMPT: {_TRIGGER} stands for nothing, because {model} v{number} has no trigger word; write the "
            "prompt without it"
        )
    prompt = prompt.replace(_TRIGGER, trigger or "").strip()
    if not prompt:
        raise ConfigurationError("PROMPT: it is empty; say what to render")
    if out is None or out.is_dir():
        stem = (out or Path()) / f"{model}-{number:04d}-seed{seed}"
    else:  # only the suffix of an image is cut: v1.2 keeps its 2
        stem = out.with_suffix("") if out.suffix.lower() in _SUFFIXES else out
    for taken in (Path(f"{stem}{suffix}") for suffix in _SUFFIXES):
        if taken.exists():
            raise ConfigurationError(
                f"{taken} exists already; name another file with --output. Nothing was requested"
            )
    if image is not None:
        with strict_decoding():
            inspect_image(image, image.name)
    return ImageRequest(promotion, prompt, seed, recipe.services[0](), stem, image.read_bytes() if image else None)


def generate_image(
    request: ImageRequest, provider: Provider, reserve: Callable[[], object], weights: StoredFile | None = None
) -> Path:
    """Request the image, once, and save it.

    `reserve` reserves the price just before; `weights` are the model's, None where the store has none.

    Raises:
        BudgetExceeded: It does not fit into the account's limit, and was not requested.
        ProviderError: No image; the message says where it may have been billed all the same.
    """
    # The file first: a folder that cannot be written is found before the image is paid.
    with output_file(request.stem.absolute().parent) as file:
        reserve()
        try:
            model = TrainedModel(Submission.of(request.promotion), weights)
            rendered = provider.render(model, request.prompt, request.seed, request.settings, request.image)
        except RateLimited:
            raise
        except (ProviderUnavailable, UnexpectedResponse) as error:
            raise type(error)(
                f"{error.reason}. The image may have been rendered and billed; it is not requested again unless "
                "you do",
                provider=error.provider,
                status=error.status,
                request_id=error.request_id,
                excerpt=error.excerpt,
            ) from None
        file.write(rendered.data)
        target = Path(f"{request.stem}{rendered.suffix}")
        if target.exists():  # made meanwhile by another: neither that file nor a paid image is lost
            target = Path(f"{request.stem}-{token_hex(4)}{rendered.suffix}")
        file.publish(target)
    return target
