"""What a person should know of one image before paying for a training with it.

The thresholds were chosen on photographs, drawings and images made by programs: none of the clean ones crosses
one but for soft microscopy, while each defect, planted, crosses its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from tuneloop.schemas.dataset import DatasetRequirements, ImageFormat, ImageInfo
from tuneloop.schemas.findings import Finding, error, warning

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
    """Judge one image by its facts and its name, whose suffix is compared with the content."""
    return [
        *_of_file(facts, name, profile),
        *_of_size(facts, name, profile),
        *_of_colors(facts, name),
        *_of_content(facts, name),
    ]


def _of_file(facts: ImageInfo, name: str, profile: DatasetRequirements) -> Iterator[Finding]:
    if facts.format not in profile.formats:
        taken = " or ".join(sorted(profile.formats))
        reason = f"is a {facts.format} file, which the trainer does not take"
        yield error("format", name, reason, f"convert it to {taken}")
    if PurePosixPath(name).suffix.lower() not in _SUFFIXES[facts.format]:
        reason = f"is a {facts.format} file by its content"
        yield warning("misnamed", name, reason, "nothing to do: it is sent under the right name")
    if facts.trailing_bytes:
        more = f"{facts.trailing_bytes:,} bytes"
        reason = f"has {more} after its end, such as the video of a phone, and they are sent too"
        yield warning("trailing-bytes", name, reason, "save it again if they should not be")
    if facts.frames > 1:
        reason = f"is animated ({facts.frames} frames), and only the first frame would be trained on"
        yield error("animated", name, reason, "save the frames that matter as images of their own")


def _of_size(facts: ImageInfo, name: str, profile: DatasetRequirements) -> Iterator[Finding]:
    short, long = sorted((facts.width_px, facts.height_px))
    size = f"{facts.width_px}x{facts.height_px} pixels"
    if short < profile.min_side_px:
        remedy = "replace it with a larger one or remove it"
        yield error("too-small", name, f"has {size}, too few to learn from", remedy)
    elif short < profile.recommended_min_side_px:
        remedy = f"use an image of at least {profile.recommended_min_side_px} pixels on its shorter side"
        yield warning("too-small", name, f"has {size}; the trainer enlarges it and learns the blur", remedy)
    if long > WIDEST_RATIO * short:
        reason = f"has {size}, more than {WIDEST_RATIO:g}:1; the trainer cuts off or squeezes much of it"
        yield warning("aspect-ratio", name, reason, "crop it to what matters")
    if facts.orientation != 1:
        reason = f"is turned or mirrored by its EXIF data (orientation {facts.orientation}), which trainers ignore"
        remedy = "nothing to do: a rotated copy is sent, the file stays unchanged"
        yield warning("exif-rotation", name, reason, remedy)


def _of_colors(facts: ImageInfo, name: str) -> Iterator[Finding]:
    remedy = "let the recipe normalize images, or save it as plain 8-bit RGB"
    if facts.alpha:
        reason = "is transparent in parts; trainers show what is hidden there, mostly black"
        yield warning("transparency", name, reason, remedy)
    if facts.mode == "CMYK":
        yield warning("cmyk", name, "has printing colors (CMYK), which come out wrong in training", remedy)
    if facts.bits >= _SIXTEEN_BITS:
        reason = f"has {facts.bits} bits a channel, which some trainers clip to white"
        yield warning("sixteen-bit", name, reason, remedy)
    if facts.profile is not None:
        reason = f"has the color profile {facts.profile}; trainers read it as sRGB and learn the wrong colors"
        yield warning("color-profile", name, reason, remedy)


def _of_content(facts: ImageInfo, name: str) -> Iterator[Finding]:
    """At most one: a black image is flat too, and a flat one has no edges."""
    remedy = "remove it, unless that is intended"
    if facts.mean + 2 * facts.spread < BLACK_BELOW:
        yield warning("black", name, "is nearly black all over", remedy)
    elif facts.mean - 2 * facts.spread > WHITE_ABOVE:
        yield warning("white", name, "is nearly white all over", remedy)
    elif facts.spread < FLAT_BELOW:
        yield warning("flat", name, "has the same brightness everywhere", remedy)
    elif facts.sharpness < BLURRED_BELOW:
        reason = "seems blurred: not even its sharpest edges are sharp"
        yield warning("blurred", name, reason, "replace it, unless that is intended")
