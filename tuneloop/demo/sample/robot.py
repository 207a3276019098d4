"""ROBOX, the small orange robot of the sample pictures."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from tuneloop.demo.sample.pen import Pen, Point

_ORANGE = ((190, 76, 12), (255, 156, 56))
_TEAL = ((26, 108, 118), (86, 190, 196))
_GOLD = ((220, 130, 20), (255, 214, 90))
_STEEL, _SCREEN, _GLOW = (52, 60, 78), (24, 32, 48), (44, 222, 232)
_WHITE, _SCARF, _RED = (255, 255, 255), (190, 40, 70), (255, 86, 86)


class Pose(NamedTuple):
    """How the robot stands."""

    left: float
    """Left arm, in degrees: 0 hangs down, 90 points sideways, 180 is straight up."""
    right: float
    """Right arm, likewise."""
    eyes: str = "open"
    """`open`, `happy`, `wink`, `sleepy` or `amazed`."""
    tilt: float = 0
    """Lean to the right, in degrees."""
    prop: str = ""
    """`scarf`, `hat`, `umbrella`, `balloon`, `flag`, `cup` or nothing."""


def draw_robot(pen: Pen, pose: Pose) -> None:
    """Draw the robot standing at (0, 0), one unit tall."""
    for side, angle in ((-1, pose.left), (1, pose.right)):
        pen.line([(side * 0.1, -0.16), (side * 0.11, -0.05)], 0.075, _STEEL)
        pen.solid((side * 0.125, -0.035), (0.095, 0.045), _ORANGE, 2.6)
        hand = _hand(side, angle)
        pen.line([(side * 0.17, -0.34), (side * 0.27, (hand[1] - 0.3) / 2), hand], 0.055, _STEEL)
    _draw_body(pen)
    _draw_head(pen)
    _draw_face(pen, pose.eyes)
    if pose.prop:
        _PROPS[pose.prop](pen, _hand(1, pose.right))
    for side, angle in ((-1, pose.left), (1, pose.right)):
        pen.solid(_hand(side, angle), (0.058, 0.058), _ORANGE)


def _hand(side: int, angle: float) -> Point:
    turn = math.radians(angle)
    return side * (0.29 + 0.14 * math.sin(turn)), -0.32 + 0.2 * math.cos(turn)


def _draw_body(pen: Pen) -> None:
    pen.solid((0, -0.265), (0.2, 0.155), _ORANGE, 3.2)
    pen.blob((0, -0.25), (0.105, 0.085), _SCREEN, power=3)
    pen.blob((-0.027, -0.268), (0.031, 0.03), _RED)
    pen.blob((0.027, -0.268), (0.031, 0.03), _RED)
    pen.area([(-0.055, -0.257), (0.055, -0.257), (0, -0.198)], _RED)


def _draw_head(pen: Pen) -> None:
    pen.line([(0, -0.86), (0.012, -0.93)], 0.026, _STEEL)
    pen.solid((0.014, -0.955), (0.045, 0.045), _GOLD)
    for side in (-1, 1):
        pen.solid((side * 0.335, -0.625), (0.05, 0.085), _TEAL)
    pen.solid((0, -0.635), (0.325, 0.235), _ORANGE, 3.4)
    pen.blob((0, -0.625), (0.25, 0.165), _SCREEN, power=3.6)
    pen.area([(-0.17, -0.76), (-0.08, -0.77), (-0.15, -0.5), (-0.225, -0.54)], _WHITE, 16)


def _draw_face(pen: Pen, eyes: str) -> None:
    for side, kind in ((-1, eyes), (1, "happy" if eyes == "wink" else eyes)):
        x = side * 0.11
        if kind in {"happy", "sleepy"}:
            pen.line(_arc(x, -0.645, 0.055, 0.05 if kind == "happy" else -0.025), 0.026, _GLOW)
        else:
            pen.blob((x, -0.65), (0.052, 0.062), _GLOW)
            pen.blob((x - 0.016, -0.67), (0.018, 0.02), _WHITE)
        pen.blob((side * 0.18, -0.575), (0.034, 0.022), (255, 120, 130), 120)
    if eyes == "amazed":
        pen.blob((0, -0.55), (0.028, 0.034), _GLOW)
    else:
        pen.line(_arc(0, -0.56, 0.05, -0.03), 0.022, _GLOW)


def _arc(x: float, y: float, half: float, rise: float) -> list[Point]:
    """A bow around (x, y) whose middle is `rise` above its ends."""
    return [(x + half * t / 6, y + rise * ((t / 6) ** 2 - 0.5)) for t in range(-6, 7)]


def _draw_scarf(pen: Pen, _: Point) -> None:
    pen.line(_arc(0, -0.395, 0.19, -0.03), 0.06, _SCARF)
    pen.line([(0.1, -0.385), (0.13, -0.24)], 0.055, _SCARF)


def _draw_hat(pen: Pen, _: Point) -> None:
    pen.blob((0, -0.855), (0.3, 0.035), (226, 190, 120))
    pen.area([*_arc(0, -0.96, 0.15, 0.1), (0.17, -0.85), (-0.17, -0.85)], (240, 208, 142))
    pen.area([(-0.165, -0.89), (0.165, -0.89), (0.17, -0.86), (-0.17, -0.86)], (74, 150, 160))


def _draw_umbrella(pen: Pen, hand: Point) -> None:
    top = (hand[0] - 0.2, -1.12)
    pen.line([(hand[0], hand[1] + 0.05), (hand[0], -0.98)], 0.02, _STEEL)
    ring = [(math.cos(math.pi * t / 24), math.sin(math.pi * t / 24)) for t in range(25)]
    for half, colour in ((0.52, (64, 148, 170)), (0.32, (92, 180, 198)), (0.12, (64, 148, 170))):
        pen.area([(top[0] + half * x, top[1] + 0.24 - 0.26 * y) for x, y in ring], colour)


def _draw_balloon(pen: Pen, hand: Point) -> None:
    pen.line([hand, (hand[0] + 0.03, -0.7), (hand[0] + 0.06, -0.9)], 0.008, (120, 110, 120))
    pen.solid((hand[0] + 0.07, -1.03), (0.115, 0.14), ((176, 30, 58), (250, 130, 140)))


def _draw_flag(pen: Pen, hand: Point) -> None:
    x, y = hand[0] + 0.02, hand[1]
    pen.line([(x, y + 0.1), (x, y - 0.4)], 0.018, (120, 96, 76))
    flag = [(x + 0.26 * t / 8, y - 0.4 + 0.018 * math.sin(t)) for t in range(9)]
    pen.area([*flag, *((across, down + 0.17) for across, down in reversed(flag))], (74, 150, 160))


def _draw_cup(pen: Pen, hand: Point) -> None:
    x, y = hand[0] + 0.01, hand[1] - 0.1
    pen.blob((x + 0.08, y), (0.045, 0.045), (46, 132, 146))
    pen.blob((x + 0.08, y), (0.024, 0.024), (238, 230, 214))
    pen.solid((x, y), (0.08, 0.085), _TEAL, 5)
    pen.blob((x, y - 0.078), (0.074, 0.018), (110, 66, 40))
    for step in range(5):
        at = (x + 0.02 * math.sin(step * 1.4), y - 0.14 - 0.045 * step)
        pen.blob(at, (0.024 + 0.004 * step,) * 2, _WHITE, 110)


_PROPS: dict[str, Callable[[Pen, Point], None]] = {
    "balloon": _draw_balloon,
    "cup": _draw_cup,
    "flag": _draw_flag,
    "hat": _draw_hat,
    "scarf": _draw_scarf,
    "umbrella": _draw_umbrella,
}
