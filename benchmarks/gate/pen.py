"""A pen for flat, cheerful drawings: units of its own, turned if wanted, round solids."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from PIL import ImageDraw

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PIL import Image

Color = tuple[int, int, int]
Point = tuple[float, float]


def mixed(one: Color, other: Color, share: float) -> Color:
    """Mix two colors; share 0 is the first, 1 the second."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


class Pen:
    """Draws on an image in units of its own.

    Args:
        image: What to draw on.
        origin: Pixel that is (0, 0).
        unit: Pixels per unit.
        tilt: Clockwise turn about the origin, in degrees.
    """

    def __init__(self, image: Image.Image, origin: Point, unit: float, tilt: float = 0) -> None:
        self._draw = ImageDraw.Draw(image, "RGBA")
        self._origin, self._unit = origin, unit
        self._cos, self._sin = math.cos(math.radians(tilt)), math.sin(math.radians(tilt))

    def area(self, points: Sequence[Point], color: Color, alpha: int = 255) -> None:
        """Fill a polygon."""
        self._draw.polygon([self._pixel(point) for point in points], (*color, alpha))

    def blob(self, at: Point, radii: Point, color: Color, alpha: int = 255, power: float = 2) -> None:
        """Fill an ellipse; a power above 2 squares its corners."""
        ring = []
        for step in range(72):
            cos, sin = math.cos(step * math.tau / 72), math.sin(step * math.tau / 72)
            across = math.copysign(abs(cos) ** (2 / power), cos) * radii[0]
            ring.append((at[0] + across, at[1] + math.copysign(abs(sin) ** (2 / power), sin) * radii[1]))
        self.area(ring, color, alpha)

    def solid(self, at: Point, radii: Point, colors: tuple[Color, Color], power: float = 2) -> None:
        """Fill an ellipse so that it looks round, with the light from the upper left."""
        for step in range(24):
            share = step / 23
            centre = (at[0] - 0.22 * share * radii[0], at[1] - 0.3 * share * radii[1])
            inner = 1 - 0.8 * share
            color = mixed(*colors, share**0.6)
            self.blob(centre, (radii[0] * inner, radii[1] * inner), color, power=power)

    def line(self, points: Sequence[Point], width: float, color: Color, alpha: int = 255) -> None:
        """Draw a line with round ends."""
        pixels = [self._pixel(point) for point in points]
        self._draw.line(pixels, (*color, alpha), max(1, round(width * self._unit)), joint="curve")
        if alpha == 255:
            for end in (points[0], points[-1]):
                self.blob(end, (width / 2, width / 2), color)

    def _pixel(self, point: Point) -> Point:
        across, down = point[0] * self._unit, point[1] * self._unit
        return (
            self._origin[0] + across * self._cos - down * self._sin,
            self._origin[1] + across * self._sin + down * self._cos,
        )
