"""Searches the large worlds; or, with a rule's name, shows what happens without it."""

from __future__ import annotations

import sys
from time import monotonic
from typing import Any

from tests.model.rules import NAMES
from tests.model.search import World, search
from tests.model.worlds import ATTENDED_WITHOUT, LARGE, SMALL, WITHOUT, attended, lawless

LIMIT = 3_000_000
"""States of one world; a state takes about 500 bytes of memory."""


def main(arguments: list[str]) -> int:
    if not arguments:
        return max([_search(name, world) for name, world in {**SMALL, **LARGE}.items()])
    rule = arguments[0]
    if rule not in NAMES:
        _say(f"no such rule; there are: {', '.join(NAMES)}")
        return 2
    for missed in WITHOUT:
        if missed.rule == rule:
            world: World[Any] = lawless(missed)
            _say(f"Without {rule}, in the world {missed.world!r}: {search(world)}")
    for missed in ATTENDED_WITHOUT:
        if missed.rule == rule:
            world = attended(lawless(missed))
            _say(f"Without {rule}, in the world {missed.world!r} with a person who answers: {search(world)}")
    return 0


def _search(name: str, world: World[Any]) -> int:
    begun = monotonic()
    finding = search(world, LIMIT)
    _say(f"{name}: {finding}, {monotonic() - begun:.1f} s")
    return int(finding.wrong is not None)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
