"""What a person should know of one image before paying for a training with it.

The thresholds were chosen on photographs, drawings and images made by programs: none of the clean ones crosses
one but for soft microscopy, while each defect, planted, crosses its own.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from tuneloop.schemas.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tuneloop.schemas.dataset import ImageFormat
    from tuneloop.schemas.dataset_profile import DatasetRequirements
    from tuneloop.schemas.image_facts import ImageInfo

WIDEST_RATIO = 3.0
"""Trainers cut or squeeze images into frames of at most about 2:1; of a wider one a third and more is lost."""
BLURRED_BELOW = 0.08
"""Sharpness. Sharp photographs and drawings have 0.27 to 1.4. Blurred by six pixels in 1,024 they have 0.03 to
0.08, some up to 0.16, and blurred by ten 0.02 to 0.09. Color gradients without any edge are near it."""
FLAT_BELOW = 2.0
"""Spread of the brightness, in levels. The dullest real image measured, of gray tissue, has 9.9; fog has 50."""
BLACK_BELOW = 12.0
"""Mean brightness plus twice its spread. A photograph of stars on black has 70."""
WHITE_ABOVE = 245.0
"""Mean brightness minus twice its spread. A page of text has 58, a small thing before white about 200."""
_SIXTEEN_BITS = 16
_SUFFIXES: dict[ImageFormat, frozenset[str]] = {
    "jpeg": frozenset({".jpg", ".jpeg"}),
    "png": frozenset({".png"}),
    "webp": frozenset({".webp"}),
}


def image_findings(facts: ImageInfo, name: str, profile: DatasetRequirements) -> list[Finding]:
    """Judge one image by its facts."""
    found = (*_of_file(facts, name, profile), *_of_size(facts, profile), *_of_colors(facts), *_of_content(facts))
    return [finding.model_copy(update={"file": name}) for finding in found]


def _of_file(facts: ImageInfo, name: str, profile: DatasetRequirements) -> Iterator[Finding]:
    if facts.format not in profile.formats:
        taken = " or ".join(sorted(profile.formats))
        yield _error(
            "format", f"is a {facts.format} file, which the trainer does not take", f"convert it to {taken}"
        )
    if PurePosixPath(name).suffix.lower() not in _SUFFIXES[facts.format]:
        yield _warning(
            "misnamed",
            f"is a {facts.format} file by its content",
            "nothing needs to be done: it is sent under a right name",
        )
    if facts.trailing_bytes:
        yield _warning(
            "trailing-bytes",
            f"has {facts.trailing_bytes:,} bytes behind its end, such as a film by a phone, which are sent too",
            "save it again if they should not be",
        )
    if facts.frames > 1:
        yield _error(
            "animated",
            f"is animated ({facts.frames} frames), and only the first frame would be trained on",
            "save the frames that matter as images of their own",
        )


def _of_size(facts: ImageInfo, profile: DatasetRequirements) -> Iterator[Finding]:
    short, long = sorted((facts.width_px, facts.height_px))
    size = f"{facts.width_px}x{facts.height_px} pixels"
    if short < profile.min_side_px:
        yield _error("too-small", f"has {size}, too few to learn from", "replace it by a larger one or remove it")
    elif short < profile.recommended_min_side_px:
        yield _warning(
            "too-small",
            f"has {size}; the trainer enlarges it and learns the blur",
            f"use an image of at least {profile.recommended_min_side_px} pixels on its shorter side",
        )
    if long > WIDEST_RATIO * short:
        yield _warning(
            "aspect-ratio",
            f"has {size}, more than {WIDEST_RATIO:g}:1; the trainer cuts off or squeezes much of it",
            "crop it to what matters",
        )
    if facts.orientation != 1:
        yield _warning(
            "exif-rotation",
            f"is turned or mirrored by its EXIF data (orientation {facts.orientation}), which trainers ignore",
            "nothing needs to be done: a turned copy is sent, the file stays",
        )


def _of_colors(facts: ImageInfo) -> Iterator[Finding]:
    converted = "let the recipe normalize images, or save it as plain 8-bit RGB"
    if facts.alpha:
        yield _warning(
            "transparency", "is transparent in parts; trainers show what is hidden there, mostly black", converted
        )
    if facts.mode == "CMYK":
        yield _warning("cmyk", "has printing colors (CMYK), which come out wrong in training", converted)
    if facts.bits >= _SIXTEEN_BITS:
        yield _warning(
            "sixteen-bit", f"has {facts.bits} bits a channel, which some trainers clip to white", converted
        )
    if facts.profile is not None:
        yield _warning(
            "color-profile",
            f"has the color profile {facts.profile}; trainers take it for sRGB and learn other colors",
            converted,
        )


def _of_content(facts: ImageInfo) -> Iterator[Finding]:
    """At most one: a black image is flat too, and a flat one has no edges."""
    if facts.mean + 2 * facts.spread < BLACK_BELOW:
        yield _warning("black", "is nearly black all over", "remove it, unless that is meant")
    elif facts.mean - 2 * facts.spread > WHITE_ABOVE:
        yield _warning("white", "is nearly white all over", "remove it, unless that is meant")
    elif facts.spread < FLAT_BELOW:
        yield _warning("flat", "shows one brightness all over", "remove it, unless that is meant")
    elif facts.sharpness < BLURRED_BELOW:
        yield _warning(
            "blurred", "seems blurred: not even its sharpest edges are sharp", "replace it, unless that is meant"
        )


def _error(check: str, reason: str, remedy: str) -> Finding:
    return Finding(severity="error", check=check, reason=reason, remedy=remedy)


def _warning(check: str, reason: str, remedy: str) -> Finding:
    return Finding(severity="warning", check=check, reason=reason, remedy=remedy)
