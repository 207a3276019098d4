"""Whether an embedded color profile changes how an image looks."""

from __future__ import annotations

import io
from functools import lru_cache

from PIL import Image, ImageChops, ImageCms

_VISIBLE = 8
"""Levels of 256. What is called sRGB, or a gray scale of its brightness, stays below."""
_PROBES: dict[str, list[int]] = {
    # Neither gray nor the corners of the cube, where clipping hides the difference.
    "RGB": [200, 60, 60, 60, 180, 60, 70, 70, 200, 190, 180, 60, 60, 170, 180, 128, 128, 128, 60, 60, 60],
    "L": [16, 60, 90, 128, 170, 200, 240],
}
_LONGEST_NAME = 60


@lru_cache(maxsize=32)
def visible_color_profile(icc: bytes, mode: str) -> str | None:
    """Name a profile if its colors differ visibly from sRGB's, which trainers take every image for.

    Args:
        icc: The profile as embedded.
        mode: Pillow's mode of the image.

    Returns:
        None where it makes no difference, or where a profile that says nothing readable would be ignored anyway.
    """
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        kind = "L" if profile.profile.xcolor_space.strip() == "GRAY" else "RGB"
        if mode == "CMYK" or kind != _kind_of(mode):
            return None
        probe = Image.frombytes(kind, (7, 1), bytes(_PROBES[kind]))
        shown = ImageCms.profileToProfile(probe, profile, ImageCms.createProfile("sRGB"), outputMode="RGB")
        if shown is None or _largest(shown, probe.convert("RGB")) <= _VISIBLE:
            return None
        name = ImageCms.getProfileDescription(profile).strip() or "an unnamed profile"
    except Exception:  # noqa: BLE001  Broken profiles make the library raise anything; no trainer looks at them.
        return None
    return " ".join(name.split())[:_LONGEST_NAME]


def _kind_of(mode: str) -> str:
    return "L" if mode in {"1", "L", "LA", "I", "I;16", "I;16B", "F"} else "RGB"


def _largest(one: Image.Image, other: Image.Image) -> int:
    """Largest difference in any channel."""
    return max(high for _, high in ImageChops.difference(one, other).getextrema())  # type: ignore[misc]
