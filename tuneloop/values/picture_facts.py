"""What one picture file is, by its content alone, so that a file that was looked at once is known for ever."""

from __future__ import annotations

from pydantic import Field

from tuneloop.values.dataset import PictureFormat, Sha256
from tuneloop.values.frozen import Frozen


class PictureFacts(Frozen):
    """What was read from one decoded picture file."""

    sha256: Sha256
    """Sha256 of the file's bytes."""
    size_bytes: int
    """Size of the file."""
    width_px: int = Field(gt=0)
    """Width as stored, before any EXIF rotation."""
    height_px: int = Field(gt=0)
    """Height as stored, before any EXIF rotation."""
    format: PictureFormat
    """Format by content."""
    orientation: int = Field(default=1, ge=1, le=8)
    """EXIF orientation; 1 needs no rotation."""
    mode: str
    """Pillow's mode, such as RGB, L, P, RGBA, CMYK or I;16."""
    alpha: bool
    """Whether any transparency can be in it, palette and tRNS included."""
    bits: int
    """Bits per channel."""
    frames: int = Field(default=1, ge=1)
    """More than one: it is animated."""
    profile: str | None = None
    """Name of the embedded colour profile where it is not sRGB, None otherwise."""
    perceptual_hash: int = Field(ge=0, lt=1 << 64)
    """64 bits over brightness, EXIF rotation applied; near pictures differ in few bits."""
    sharpness: float
    """Variance of the Laplacian of the brightness, on the picture scaled to a common size; low is blurred."""
    mean: float
    """Mean brightness, 0 to 255."""
    spread: float
    """Standard deviation of the brightness, 0 to 127; low is flat."""
