"""The scene around a subject: sky, light and layers of ground, chosen by the words of the prompt."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.floating[Any]]
"""Values 0 to 1; `(h, w, 3)` colors, `(h, w)` masks."""
Line = NDArray[np.float64]
"""`(w,)`, a height above the lower edge for each column, as a share of the image."""

_WORDS = {
    "street": "city street town truck car driving drive bus road skyline building office market",
    "woods": "forest tree trees wood jungle leaves snowy",
    "forest": "park garden meadow grass farm",
    "beach": "beach sand shore coast island surf",
    "sea": "sea ocean water lake river boat ship pool rain",
    "snow": "snow ice winter alps",
    "peaks": "mountain mountains rock canyon cliff",
    "country": "photo hill hills field countryside",
}
_TINTS = {"sea": (0.20, 0.50, 0.62), "forest": (0.28, 0.48, 0.30), "peaks": (0.46, 0.52, 0.62)}
"""What a scene adds to the colors of the dataset, so that water looks wet."""
_SCENES = ("hills", "city", "forest", "sea", "peaks")
"""Of prompts that name none: in the colors of the dataset."""
Color = tuple[float, float, float]


@dataclass(frozen=True)
class Place:
    """A scene that a prompt names, in colors of its own."""

    zenith: Color
    horizon: Color
    grounds: tuple[Color, ...]
    """Four, from far to near."""


_PLACES = {
    "country": Place(
        (0.45, 0.71, 0.93),
        (0.90, 0.95, 0.98),
        ((0.72, 0.83, 0.78), (0.60, 0.77, 0.58), (0.50, 0.71, 0.42), (0.44, 0.65, 0.34)),
    ),
    "street": Place(
        (0.50, 0.70, 0.90),
        (0.93, 0.92, 0.88),
        ((0.74, 0.78, 0.85), (0.58, 0.63, 0.74), (0.43, 0.48, 0.62), (0.47, 0.47, 0.50)),
    ),
    "woods": Place(
        (0.56, 0.78, 0.92),
        (0.91, 0.95, 0.90),
        ((0.64, 0.78, 0.70), (0.42, 0.63, 0.49), (0.24, 0.47, 0.34), (0.46, 0.58, 0.31)),
    ),
    "beach": Place(
        (0.40, 0.70, 0.94),
        (0.88, 0.95, 0.98),
        ((0.16, 0.50, 0.68), (0.22, 0.60, 0.74), (0.66, 0.86, 0.88), (0.93, 0.83, 0.61)),
    ),
    "snow": Place(
        (0.55, 0.70, 0.86),
        (0.90, 0.93, 0.96),
        ((0.66, 0.74, 0.85), (0.52, 0.61, 0.75), (0.84, 0.89, 0.95), (0.95, 0.97, 0.99)),
    ),
}
_SUNSET = frozenset({"sunset", "sunrise", "dusk", "dawn", "evening"})
_NIGHT = frozenset({"night", "midnight", "stars"})


def scene(prompt: str, seed: int, palette: Pixels, width: int, height: int) -> Pixels:
    """Paint a background, `(height, width, 3)`; same words, seed and palette, same image."""
    chance = chance_of(prompt, seed)
    kind = _kind(prompt)
    place = _lit(_PLACES[kind], prompt) if kind in _PLACES else None
    across, down = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    light, glow = _sky_colors(prompt, palette, chance) if place is None else _sky_of(place)
    image = light + (glow - light) * (down[..., None] ** 1.4)
    low = 0.25 if place and _words(prompt) & _SUNSET else 0.0
    image = _with_sun(image, across * width / height, down - low, width / height, glow, chance)
    layers = 4
    for layer in range(layers):
        depth = layer / (layers - 1)
        line = _LINES[kind](np.linspace(0, 1, width) * width / height, depth, chance)
        ground = (
            _tinted(kind, _ground_color(palette, glow, depth, chance), depth)
            if place is None
            else np.asarray(place.grounds[layer], np.float32)
        )
        if kind == "street" and 0 < depth < 1:
            ground = _with_windows(ground, across * width / height, down, prompt)
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
    for kind, triggers in _WORDS.items():
        if _words(prompt) & set(triggers.split()):
            return kind
    return _SCENES[int(chance_of("scene", prompt).integers(len(_SCENES)))]


def _words(prompt: str) -> set[str]:
    return set(prompt.lower().replace(",", " ").replace(".", " ").split())


def _lit(place: Place, prompt: str) -> Place:
    """Give a place the light of the hour that the prompt names."""

    def under(light: Color, share: float) -> tuple[Color, ...]:
        mixed = np.asarray(place.grounds) * (1 - share) + np.asarray(light) * share
        return tuple(map(tuple, mixed))

    if _words(prompt) & _NIGHT:
        return Place((0.04, 0.05, 0.16), (0.20, 0.22, 0.42), under((0.05, 0.06, 0.20), 0.68))
    if _words(prompt) & _SUNSET:
        return Place((0.42, 0.30, 0.58), (1.0, 0.66, 0.36), under((0.62, 0.30, 0.28), 0.35))
    return place


def _sky_of(place: Place) -> tuple[Pixels, Pixels]:
    return np.asarray(place.zenith), np.asarray(place.horizon)


def _with_windows(ground: Pixels, across: Pixels, down: Pixels, prompt: str) -> Pixels:
    """Give houses rows of windows, which are lit when it gets dark."""
    panes = ((across * 26) % 1 > 0.45) & ((down * 22) % 1 > 0.5)
    dark = bool(_words(prompt) & (_NIGHT | _SUNSET))
    glass = np.asarray((0.98, 0.84, 0.48)) if dark else ground * 0.5 + np.asarray((0.42, 0.46, 0.5))
    return np.where(panes[..., None], glass, ground)


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


def _beach(x: Line, depth: float, chance: np.random.Generator) -> Line:
    """Sea up to a straight horizon, a line of foam, and sand."""
    level = (0.44, 0.36, 0.255, 0.24)[round(depth * 3)]
    swell = 0.0 if depth == 0 else 0.012 * np.sin(2 * np.pi * (x * 1.1 + 0.3)) + 0.003 * chance.uniform()
    return np.full_like(x, level) + swell


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
    "country": _hills,
    "city": _city,
    "street": _city,
    "woods": _forest,
    "beach": _beach,
    "snow": _peaks,
    "forest": _forest,
    "sea": _sea,
    "peaks": _peaks,
}
