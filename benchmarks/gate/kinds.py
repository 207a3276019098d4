"""Kinds of images that no threshold was chosen on: each draws one subject again and again, in new places."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
from PIL import Image

from benchmarks.gate.grounds import Chance, color_by_lot, furry, grained, lights, rough
from benchmarks.gate.pen import Color, Pen, Point

Painter = Callable[[Chance, Chance, tuple[int, int]], Image.Image]
"""Takes chance for the subject, the same for every image of a dataset, chance for the image, and its size."""


def creature(own: Chance, this: Chance, size: tuple[int, int]) -> Image.Image:
    """A furry animal in rough country: texture everywhere, as in photographs."""
    image = rough(this, size, color_by_lot(this, 60, 200), color_by_lot(this, 60, 200))
    fur, dark = color_by_lot(own, 80, 230), color_by_lot(own, 20, 110)
    shape = own.uniform(0.75, 1.35)
    spots = [
        (own.uniform(-0.24, 0.24) * shape, own.uniform(-0.52, -0.28), own.uniform(0.02, 0.06)) for _ in range(9)
    ]
    tall = this.uniform(0.5, 0.85) * size[1]
    feet = (this.uniform(0.35, 0.65) * size[0], this.uniform(0.85, 0.97) * size[1])
    before = image.copy()
    pen = Pen(image, feet, tall, this.uniform(-8, 8))
    for leg in (-0.22, -0.1, 0.1, 0.22):
        pen.line([(leg * shape, -0.3), (leg * shape + this.uniform(-0.05, 0.05), -0.03)], 0.07, dark)
    pen.solid((0, -0.4), (0.33 * shape, 0.2), (dark, fur), 2.3)
    for across, down, radius in spots:
        pen.blob((across, down), (radius, radius * 0.8), dark)
    head = (0.3 * shape, -0.66 + this.uniform(-0.06, 0.06))
    for ear in (-0.1, 0.1):
        pen.area(
            [
                (head[0] + ear - 0.06, head[1] - 0.08),
                (head[0] + ear, head[1] - 0.28),
                (head[0] + ear + 0.06, head[1] - 0.08),
            ],
            dark,
        )
    pen.solid(head, (0.17, 0.15), (dark, fur))
    for eye in (-0.06, 0.07):
        pen.blob((head[0] + eye, head[1] - 0.03), (0.025, 0.03), (15, 15, 20))
    pen.blob((head[0] + 0.01, head[1] + 0.06), (0.035, 0.024), (30, 20, 24))
    if this.integers(2):
        image, before = (each.transpose(Image.Transpose.FLIP_LEFT_RIGHT) for each in (image, before))
    return furry(this, image, before)


def product(own: Chance, this: Chance, size: tuple[int, int]) -> Image.Image:
    """A bottle with a label on plain ground, as a shop shows it."""
    ground = _GROUNDS[int(this.integers(len(_GROUNDS)))]
    image = Image.new("RGB", size, ground)
    glass, label, ink = color_by_lot(own, 30, 220), color_by_lot(own, 150, 255), color_by_lot(own, 0, 120)
    half, neck, shoulder = own.uniform(0.15, 0.24), own.uniform(0.05, 0.09), own.uniform(0.55, 0.7)
    bars = [(own.uniform(0.35, 0.95), own.uniform(0.008, 0.03)) for _ in range(5)]
    pen = Pen(
        image,
        (this.uniform(0.42, 0.58) * size[0], 0.93 * size[1]),
        this.uniform(0.62, 0.86) * size[1],
        this.uniform(-12, 12),
    )
    pen.blob((0.05, 0), (half * 1.7, 0.035), (40, 40, 46), 60)
    turn = this.uniform(-0.5, 0.5)
    for step in range(24):
        share = step / 23
        inner, at = half * (1 - share), half * turn * share
        color = _lit(glass, 0.55 + 0.6 * share)
        pen.area(
            [
                (at - inner, 0),
                (at - inner, -shoulder),
                (at - neck * (1 - share), -0.82),
                (at + neck * (1 - share), -0.82),
                (at + inner, -shoulder),
                (at + inner, 0),
            ],
            color,
        )
    pen.area([(-neck * 1.2, -0.82), (-neck * 1.2, -0.97), (neck * 1.2, -0.97), (neck * 1.2, -0.82)], ink)
    pen.area([(-half, -0.12), (-half, -0.45), (half, -0.45), (half, -0.12)], label)
    for number, (width, height) in enumerate(bars):
        middle = -0.41 + 0.065 * number
        shift = half * turn * 0.4
        pen.area(
            [
                (shift - half * width * 0.8, middle),
                (shift + half * width * 0.8, middle),
                (shift + half * width * 0.8, middle + height),
                (shift - half * width * 0.8, middle + height),
            ],
            ink,
        )
    pen.area(
        [(-half * 0.8, -shoulder), (-half * 0.65, -shoulder), (-half * 0.65, -0.02), (-half * 0.8, -0.02)],
        (255, 255, 255),
        70,
    )
    return image


def portrait(own: Chance, this: Chance, size: tuple[int, int]) -> Image.Image:
    """A head and shoulders that fill the image, lights out of focus behind."""
    image = lights(this, size)
    skin, hair, eyes = color_by_lot(own, 120, 235), color_by_lot(own, 10, 150), color_by_lot(own, 30, 140)
    wide, tall, nose = own.uniform(0.2, 0.26), own.uniform(0.27, 0.33), own.uniform(0.02, 0.045)
    long = own.uniform(0, 0.35)
    cloth = color_by_lot(this, 30, 220)
    pen = Pen(
        image,
        (this.uniform(0.4, 0.6) * size[0], 1.02 * size[1]),
        this.uniform(0.85, 1.05) * size[1],
        this.uniform(-9, 9),
    )
    pen.blob((0, -0.58), (wide * 1.25, tall * 1.15), hair)
    pen.area(
        [(-wide * 1.25, -0.58), (wide * 1.25, -0.58), (wide * 1.15, -0.58 + long), (-wide * 1.15, -0.58 + long)],
        hair,
    )
    pen.solid((0, -0.02), (0.46, 0.27), (_lit(cloth, 0.6), cloth), 2.6)
    for stripe in range(-3, 4):
        pen.line([(stripe * 0.11, -0.2), (stripe * 0.13, 0)], 0.016, _lit(cloth, 0.45))
    pen.area([(-0.09, -0.42), (0.09, -0.42), (0.11, -0.2), (-0.11, -0.2)], _lit(skin, 0.8))
    pen.solid((0, -0.54), (wide, tall), (_lit(skin, 0.75), skin))
    look = this.uniform(-0.02, 0.02)
    for side in (-1, 1):
        pen.blob((side * 0.09, -0.59), (0.04, 0.022), (245, 245, 245))
        pen.blob((side * 0.09 + look, -0.59), (0.018, 0.02), eyes)
        pen.line([(side * 0.05, -0.645), (side * 0.13, -0.65 + this.uniform(-0.02, 0.02))], 0.016, hair)
    pen.area([(-nose, -0.48), (nose, -0.48), (0, -0.57)], _lit(skin, 0.85))
    mouth = this.uniform(-0.02, 0.045)
    pen.line([(-0.07, -0.41 - mouth), (0, -0.4 + mouth / 2), (0.07, -0.41 - mouth)], 0.018, (150, 50, 60))
    pen.area([(-wide * 1.05, -0.7), (0, -0.9), (wide * 1.05, -0.7), (0.05, -0.76)], hair)
    return grained(this, image, 4)


def line_art(own: Chance, this: Chance, size: tuple[int, int]) -> Image.Image:
    """A figure of thin black strokes on white paper, with strokes around it."""
    image = Image.new("RGB", size, (252, 251, 247))
    ink = (20, 20, 24)
    body = [(own.uniform(-0.22, 0.22), -own.uniform(0.2, 0.62)) for _ in range(8)]
    ears = [(own.uniform(-0.14, 0.14), own.uniform(0.1, 0.24)) for _ in range(2)]
    world = Pen(image, (0, 0), size[1])
    wide = size[0] / size[1]
    line = this.uniform(0.55, 0.8)
    for _ in range(int(this.integers(3, 9))):
        at, down, side = this.uniform(0, wide), line + this.uniform(-0.25, 0.3), this.uniform(0.04, 0.16)
        corners = [
            (at, down),
            (at + side, down),
            (at + side, down - side * this.uniform(0.6, 2)),
            (at, down - side),
        ]
        world.line([*corners, corners[0]], 0.006, ink)
        world.line([corners[3], (at + side / 2, down - side * 1.9), corners[2]], 0.006, ink)
    world.line([(wide * t / 12, line + this.uniform(-0.02, 0.02)) for t in range(13)], 0.006, ink)
    pen = Pen(
        image,
        (this.uniform(0.3, 0.7) * size[0], 0.94 * size[1]),
        this.uniform(0.6, 0.85) * size[1],
        this.uniform(-8, 8),
    )
    pen.blob((0, -0.33), (0.24, 0.3), (252, 251, 247))
    _ring(pen, (0, -0.33), (0.24, 0.3), ink)
    pen.blob((0, -0.74), (0.19, 0.17), (252, 251, 247))
    _ring(pen, (0, -0.74), (0.19, 0.17), ink)
    for across, up in ears:
        pen.line([(across - 0.03, -0.87), (across, -0.88 - up * 0.6), (across + 0.03, -0.87)], 0.012, ink)
    for one, other in pairwise(body):
        pen.line([one, other], 0.01, ink)
    for side in (-1, 1):
        pen.blob((side * 0.07, -0.77), (0.022, 0.03), ink)
        hand = (side * this.uniform(0.25, 0.42), -this.uniform(0.2, 0.7))
        pen.line([(side * 0.2, -0.5), hand], 0.014, ink)
        pen.line([(side * 0.12, -0.06), (side * this.uniform(0.1, 0.2), 0)], 0.014, ink)
    pen.line([(-0.06, -0.67), (0, -0.66 + this.uniform(-0.03, 0.03)), (0.06, -0.67)], 0.01, ink)
    return image


def _vehicle(pen: Pen, shape: tuple[float, float, float], dim: Color, glow: Color) -> None:
    """From the side: body, two lit windows, wheels and a lamp."""
    long, roof, wheels = shape
    pen.area(
        [
            (-long, -0.1),
            (-long, -0.36),
            (-long * 0.5, -0.38),
            (-long * 0.3, -roof),
            (long * 0.45, -roof),
            (long * 0.6, -0.38),
            (long, -0.3),
            (long, -0.1),
        ],
        dim,
    )
    pen.area(
        [(-long * 0.42, -0.38), (-long * 0.26, -roof + 0.04), (long * 0.08, -roof + 0.04), (long * 0.08, -0.38)],
        glow,
        200,
    )
    pen.area(
        [(long * 0.14, -0.38), (long * 0.14, -roof + 0.04), (long * 0.4, -roof + 0.04), (long * 0.52, -0.38)],
        glow,
        150,
    )
    for side in (-1, 1):
        pen.blob((side * long * 0.6, -wheels), (wheels, wheels), (10, 10, 14))
        pen.blob((side * long * 0.6, -wheels), (wheels * 0.5, wheels * 0.5), (90, 90, 100))
    pen.blob((long * 0.95, -0.24), (0.045, 0.05), glow)


def night(own: Chance, this: Chance, size: tuple[int, int]) -> Image.Image:
    """A lit vehicle in the dark: most of the image is nearly black."""
    image = rough(this, size, (6, 8, 16), (22, 24, 40))
    paint, glow = color_by_lot(own, 60, 200), color_by_lot(own, 190, 255)
    roof, long, wheels = own.uniform(0.45, 0.75), own.uniform(0.5, 0.75), own.uniform(0.09, 0.14)
    world, wide = Pen(image, (0, 0), size[1]), size[0] / size[1]
    for _ in range(int(this.integers(4, 22))):
        at = (this.uniform(0, wide), this.uniform(0.05, 0.75))
        radius, color = this.uniform(0.004, 0.014), color_by_lot(this, 150, 255)
        world.blob(at, (radius * 3, radius * 3), color, 40)
        world.blob(at, (radius, radius), color, 200)
    pen = Pen(
        image,
        (this.uniform(0.42, 0.58) * size[0], this.uniform(0.86, 0.96) * size[1]),
        this.uniform(0.55, 0.85) * size[1],
        this.uniform(-4, 4),
    )
    dim = _lit(paint, this.uniform(0.3, 0.6))
    _vehicle(pen, (long, roof, wheels), dim, glow)
    pen.area(
        [(long, -0.26), (long + 0.7, -0.42), (long + 0.7, -0.02), (long, -0.2)], glow, int(this.integers(30, 90))
    )
    if this.integers(2):
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return grained(this, image, 5)


KINDS: dict[str, Painter] = {
    "creature": creature,
    "product": product,
    "portrait": portrait,
    "line art": line_art,
    "night": night,
}

_GROUNDS: tuple[Color, ...] = (
    (244, 244, 244),
    (244, 244, 244),
    (226, 230, 236),
    (238, 226, 206),
    (120, 140, 150),
)


def _lit(color: Color, share: float) -> Color:
    red, green, blue = (min(255, round(value * share)) for value in color)
    return red, green, blue


def _ring(pen: Pen, at: Point, radii: Point, color: Color) -> None:
    turns = np.linspace(0, 2 * np.pi, 49)
    pen.line([(at[0] + radii[0] * np.cos(turn), at[1] + radii[1] * np.sin(turn)) for turn in turns], 0.012, color)
