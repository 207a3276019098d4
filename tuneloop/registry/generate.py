"""One image by a champion, on request: sent once, whatever becomes of the response."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

from tuneloop.datasets.images.inspect import inspect_image, strict_decoding
from tuneloop.errors import ConfigurationError, ProviderUnavailable, RateLimited, UnexpectedResponse
from tuneloop.providers.base import Provider
from tuneloop.providers.registry import recorded_recipe
from tuneloop.schemas.records import Promotion
from tuneloop.schemas.render_settings import ServiceSettings
from tuneloop.storage.atomic_files import output_file

_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
TRIGGER = "{trigger}"


@dataclass(frozen=True)
class ByHand:
    """What the budget counts a requested image for."""

    model: str
    key: str
    attempt: int
    flow_run: str = "none, tuneloop generate"
    deployment: str | None = None


@dataclass(frozen=True)
class ImageRequest:
    """One image, as it will be requested.

    Attributes:
        stem: Where the image goes, without the suffix: that follows from what arrives.
        image: The encoded image to edit, None for models that do not edit.
    """

    promotion: Promotion
    prompt: str
    seed: int
    settings: ServiceSettings
    stem: Path
    image: bytes | None = None

    @property
    def purpose(self) -> ByHand:
        """What the budget counts it for."""
        return ByHand(self.promotion.model, self.promotion.key, self.promotion.attempt)

    def in_words(self, cents: float | None) -> str:
        """What will be requested and that it costs money: `cents`, None where the price is not known."""
        promotion = self.promotion
        edited = " an edit of the image" if self.image is not None else " an image"
        price = "the price of an image is not known here" if cents is None else f"${cents / 100:.4g}"
        return (
            f"Asking {promotion.account.slug} for{edited} by {promotion.model} no. {promotion.number} "
            f"(its id {promotion.job_id}) with {self.settings.endpoint}, seed {self.seed}: {self.prompt!r}. "
            f"{promotion.account.provider} bills it; {price}."
        )


def image_order(
    promotion: Promotion, prompt: str, *, seed: int, out: Path | None = None, image: Path | None = None
) -> ImageRequest:
    """Check everything that can be checked before money is spent.

    Args:
        promotion: Which model renders.
        prompt: What to render; {trigger} stands for the model's trigger word.
        seed: Sent as it is.
        out: The file to make, whose suffix is replaced by that of the image's format; or a folder.
        image: The image to edit, for models that edit.

    Raises:
        ConfigurationError: The prompt or a file does not fit, or an image has the file's name already.
        DatasetError: The image to edit cannot be decoded.
    """
    recipe = recorded_recipe.validate_python(promotion.recipe)
    if recipe.edit_pairs and image is None:
        raise ConfigurationError(f"--image: {promotion.model} edits images; name the one to edit")
    if image is not None and not recipe.edit_pairs:
        raise ConfigurationError(f"--image: {promotion.model} does not edit images; leave it out")
    order = ImageRequest(
        promotion=promotion,
        prompt=_filled_in(prompt, promotion),
        seed=seed,
        settings=recipe.services[0](),
        stem=_stem(out, f"{promotion.model}-{promotion.number:04d}-seed{seed}"),
        image=_whole_image(image) if image else None,
    )
    for suffix in _SUFFIXES:
        if (taken := Path(f"{order.stem}{suffix}")).exists():
            raise ConfigurationError(
                f"{taken} is there already; name another file with --output. Nothing was asked"
            )
    return order


def generate_image(order: ImageRequest, provider: Provider, reserve: Callable[[], object]) -> Path:
    """Request the image, once, right after its price was reserved, and return the file it was put into.

    Raises:
        BudgetExceeded: It does not fit into the account's limit, and was not requested.
        ProviderError: No image; the message says where it may have been billed all the same.
    """
    folder = order.stem.absolute().parent
    # The file first: a folder that cannot be written is found before the image is paid.
    with output_file(folder) as file:
        reserve()
        try:
            rendered = provider.generate(
                order.promotion.job_id, order.prompt, order.seed, order.settings, order.image
            )
        except RateLimited:
            raise
        except (ProviderUnavailable, UnexpectedResponse) as error:
            raise type(error)(
                f"{error.reason}. The image may have been rendered and billed; it is not asked for again unless "
                "you do",
                provider=error.provider,
                status=error.status,
                request_id=error.request_id,
                excerpt=error.excerpt,
            ) from None
        file.write(rendered.data)
        target = Path(f"{order.stem}{rendered.suffix}")
        if target.exists():
            # Made meanwhile by another program: neither that file nor a paid image is lost.
            target = Path(f"{order.stem}-{token_hex(4)}{rendered.suffix}")
        file.publish(target)
    return target


def _filled_in(prompt: str, promotion: Promotion) -> str:
    if TRIGGER in prompt and promotion.trigger_word is None:
        raise ConfigurationError(
            f"PROMPT: {TRIGGER} stands for nothing, because {promotion.model} no. {promotion.number} has no "
            "trigger word; write the prompt without it"
        )
    filled = prompt.replace(TRIGGER, promotion.trigger_word or "").strip()
    if not filled:
        raise ConfigurationError("PROMPT: it is empty; say what to render")
    return filled


def _stem(out: Path | None, name: str) -> Path:
    """Cut the suffix of an image, and no other: v1.2 keeps its 2."""
    if out is None or out.is_dir():
        return (out or Path()) / name
    return out.with_suffix("") if out.suffix.lower() in _SUFFIXES else out


def _whole_image(path: Path) -> bytes:
    with strict_decoding():
        inspect_image(path, path.name)
    return path.read_bytes()
