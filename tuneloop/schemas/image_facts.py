"""What one image file is, by its content alone, so that a file that was inspected once is known for ever."""

from __future__ import annotations

from pydantic import Field

from tuneloop.schemas.dataset import StoredImage


class ImageInfo(StoredImage):
    """What was read from one decoded image file."""

    orientation: int = Field(default=1, ge=1, le=8)
    """EXIF orientation; 1 needs no rotation."""
    mode: str
    """Pillow's mode, such as RGB, L, P, RGBA, CMYK or I;16."""
    alpha: bool
    """Whether any pixel is transparent, wholly or in part; an alpha channel that is opaque everywhere is not."""
    bits: int
    """Bits per channel (of a palette, per index)."""
    frames: int = Field(default=1, ge=1)
    """More than one: it is animated."""
    profile: str | None = None
    """Name of the embedded color profile where it looks otherwise than sRGB, None where it does not."""
    trailing_bytes: int = Field(default=0, ge=0)
    """Bytes behind the image's end, such as a film that a phone put there."""
    perceptual_hash: int = Field(ge=0, lt=1 << 64)
    """64 bits over brightness, EXIF rotation applied; near images differ in few bits. A flat one has 0."""
    sharpness: float
    """How sharp the sharpest edges are, against the image's contrast, scaled to a common size: 1 is sharp."""
    mean: float
    spread: float
    """Standard deviation of the brightness, 0 to 127; low is flat."""
