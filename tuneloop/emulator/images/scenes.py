"""The scene around a subject: sky, light and layers of ground, chosen by the words of the prompt."""

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.floating[Any]]
"""Values 0 to 1; `(h, w, 3)` colors, `(h, w)` masks."""
Line = NDArray[np.float64]
"""`(w,)`, a height above the lower edge for each column, as a share of the image."""

_WORDS = {
    "city": "city street town truck car driving drive bus road skyline building office market",
    "forest": "forest tree trees wood park garden jungle meadow grass farm leaves",
    "sea": "sea ocean beach water lake river boat ship island pool surf rain",
    "peaks": "mountain mountains snow rock ice winter canyon cliff alps",
}
_TINTS = {"sea": (0.20, 0.50, 0.62), "forest": (0.28, 0.48, 0.30), "peaks": (0.46, 0.52, 0.62)}
"""What a scene adds to the colors of the dataset, so that water looks wet."""
_SCENES = ("hills", "city", "forest", "sea", "peaks")


def scene(prompt: str, seed: int, palette: Pixels, width: int, height: int) -> Pixels:
    """Paint a background, `(height, width, 3)`; same words, seed and palette, same image."""
    chance = chance_of(prompt, seed)
    kind = _kind(prompt)
    across, down = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    light, glow = _sky_colors(prompt, palette, chance)
    image = light + (glow - light) * (down[..., None] ** 1.4)
    image = _with_sun(image, across * width / height, down, width / height, glow, chance)
    layers = 4
    for layer in range(layers):
        depth = layer / (layers - 1)
        line = _LINES[kind](np.linspace(0, 1, width) * width / height, depth, chance)
        ground = _tinted(kind, _ground_color(palette, glow, depth, chance), depth)
        # One pixel of slope gives every ridge a smooth edge.
        cover = np.clip((down - (1 - line)[None, :]) * height + 0.5, 0, 1)[..., None]
        shade = 1.0 - 0.25 * np.clip(down - (1 - line)[None, :], 0, 1)[..., None]
        image = image + cover * (ground * shade - image)
    return np.asarray(np.clip(image, 0, 1), np.float32)


def chance_of(*parts: object) -> np.random.Generator:
    """Return a generator that follows from its arguments alone."""
    text = "\n".join(str(part) for part in parts)
    return np.random.default_rng(int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big"))


def _kind(prompt: str) -> str:
    words = prompt.lower().replace(",", " ").replace(".", " ").split()
    for kind, triggers in _WORDS.items():
        if set(words) & set(triggers.split()):
            return kind
    return _SCENES[int(chance_of("scene", prompt).integers(len(_SCENES)))]


def _sky_colors(prompt: str, palette: Pixels, chance: np.random.Generator) -> tuple[Pixels, Pixels]:
    """Return the colors of zenith and horizon."""
    tint = palette[int(chance.integers(2, len(palette)))]
    if "night" in prompt.lower() or "space" in prompt.lower():
        return tint * 0.16 + [0.01, 0.02, 0.07], tint * 0.35 + [0.08, 0.10, 0.22]
    horizon = palette[-1] * 0.55 + np.asarray([0.45, 0.42, 0.36], np.float32)
    return tint * 0.45 + [0.30, 0.38, 0.46], horizon


def _with_sun(
    image: NDArray[np.float64],
    across: NDArray[np.float64],
    down: NDArray[np.float64],
    aspect: float,
    glow: Pixels,
    chance: np.random.Generator,
) -> NDArray[np.float64]:
    centre = chance.uniform(0.15, 0.85) * aspect, chance.uniform(0.12, 0.32)
    radius = chance.uniform(0.05, 0.10)
    far = np.hypot(across - centre[0], down - centre[1])
    disc = np.clip((radius - far) * 220, 0, 1)[..., None]
    halo = (0.45 * np.exp(-((far / (radius * 3.2)) ** 2)))[..., None]
    bright = np.clip(glow * 1.1 + 0.12, 0, 1)
    image = image + halo * (bright - image)
    return np.asarray(image + disc * (np.clip(bright + 0.06, 0, 1) - image))


def _ground_color(palette: Pixels, glow: Pixels, depth: float, chance: np.random.Generator) -> Pixels:
    """Far layers fade into the horizon, near ones are dark and rich."""
    own = palette[int(chance.integers(0, len(palette) - 1))] * (1.05 - 0.35 * depth)
    haze = 0.68 * (1 - depth)
    return np.asarray(own * (1 - haze) + glow * haze, np.float32)


def _tinted(kind: str, ground: Pixels, depth: float) -> Pixels:
    # The nearest layer keeps its own color: it is the shore, the clearing, the meadow in front.
    if kind not in _TINTS or depth == 1:
        return ground
    return np.asarray(
        ground * 0.35 + np.asarray(_TINTS[kind]) * (0.45 + 0.20 * (1 - depth)) * 1.1 + 0.06, np.float32
    )


def _level(depth: float) -> float:
    return 0.56 - 0.38 * depth


def _hills(x: Line, depth: float, chance: np.random.Generator) -> Line:
    waves = np.zeros_like(x)
    for order in (1, 2, 3):
        waves += 0.055 / order * np.sin(2 * np.pi * (order * x * chance.uniform(0.7, 1.3) + chance.uniform()))
    return _level(depth) + waves * (1.1 - 0.4 * depth)


def _sea(x: Line, depth: float, chance: np.random.Generator) -> Line:
    swell = 0.012 * np.sin(2 * np.pi * (x * (3 + 3 * depth) + chance.uniform()))
    ripple = 0.006 * np.abs(np.sin(2 * np.pi * (x * (6 + 2 * depth) + chance.uniform())))
    return _level(depth) - 0.08 + (swell + ripple) * (0.4 + depth)


def _peaks(x: Line, depth: float, chance: np.random.Generator) -> Line:
    line = 0.05 + 0.04 * np.sin(2 * np.pi * (x * 0.8 + chance.uniform()))
    for _ in range(5):
        top, slope = chance.uniform(0.12, 0.26), chance.uniform(0.7, 1.5)
        line = np.maximum(line, top - slope * np.abs(x - chance.uniform(-0.1, x[-1] + 0.1)))
    rough = 0.007 * np.sin(x * 61 + chance.uniform(0, 6)) + 0.004 * np.sin(x * 137)
    return _level(depth) - 0.04 + (line + rough) * (1.1 - 0.8 * depth)


def _city(x: Line, depth: float, chance: np.random.Generator) -> Line:
    if depth == 1:
        return np.full_like(x, _level(depth))
    edges = np.cumsum(chance.uniform(0.05, 0.13, 60))
    heights = chance.uniform(0.0, 0.24, 61) * (1.15 - 0.5 * depth)
    return _level(depth) + heights[np.searchsorted(edges, x)]


def _forest(x: Line, depth: float, chance: np.random.Generator) -> Line:
    if depth == 1:
        return _hills(x, depth, chance)
    teeth = np.abs(((x * (9 - 3 * depth) + chance.uniform()) % 1) - 0.5) * 2
    sway = 0.5 + 0.5 * np.sin(2 * np.pi * (x * 1.3 + chance.uniform()))
    return _level(depth) - 0.03 + (1 - teeth) * 0.15 * (0.55 + 0.45 * sway)


_LINES: dict[str, Callable[[Line, float, np.random.Generator], Line]] = {
    "hills": _hills,
    "city": _city,
    "forest": _forest,
    "sea": _sea,
    "peaks": _peaks,
}
