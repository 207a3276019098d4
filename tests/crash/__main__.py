"""Kill the pipeline and spoil its world at points of I/O, and look at what is paid for and what is kept."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from pathlib import Path
from types import FrameType

from rich.console import Console

from tests.crash.case import Case
from tests.crash.cases import RECORDED, all_cases
from tests.crash.installation import running_installation
from tests.crash.session import Figures, Session, figures_of
from tests.crash.show import table, watched, write_json


def main() -> int:
    """Play a session. Returns the exit code: 0 where nothing was found."""
    wanted = _arguments()
    signal.signal(signal.SIGTERM, _as_interrupt)
    console = Console()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="crash-", dir=_quick_folder()) as home:
        console.print("Starting a Prefect server and an emulated provider for each lane")
        with running_installation(Path(home), wanted.lanes, wordy=bool(wanted.only)) as installation:
            session = Session(installation)
            console.print("Recording what the pipeline does when nothing goes wrong")
            recordings = session.record(list(RECORDED))
            cases = _chosen(all_cases(recordings, wanted.seed, full=wanted.full), wanted)
            with watched(console, len(cases), wanted.seed) as told:
                session.play(cases, told)
            figures = figures_of(session.outcomes, recordings, began)
            console.print(table(session.outcomes))
    if wanted.json:
        write_json(wanted.json, figures, session.outcomes)
    _say(console, figures)
    return 0 if figures.good else 1


def _say(console: Console, figures: Figures) -> None:
    console.print_json(data=vars(figures))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make crash-test", description=__doc__)
    parser.add_argument("--full", action="store_true", help="every point with every way to go on, for hours")
    parser.add_argument("--only", metavar="ID", help="play the cases whose id is this, or begins with it")
    parser.add_argument(
        "--part", metavar="I/N", type=_part, default=(1, 1), help="play every nth case, from the ith"
    )
    parser.add_argument("--seed", type=int, default=1, help="draws what is left to chance")
    parser.add_argument("--lanes", type=int, default=3, help="cases at a time")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to this file")
    return parser.parse_args()


def _part(text: str) -> tuple[int, int]:
    """Which of how many parts, such as `2/5`."""
    number, _, of = text.partition("/")
    if not (number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of)):
        raise argparse.ArgumentTypeError(f"{text!r} is no part of a whole; write 1/5 for the first of five")
    return int(number), int(of)


def _chosen(cases: list[Case], wanted: argparse.Namespace) -> list[Case]:
    part, parts = wanted.part
    if wanted.only is None:
        return cases[part - 1 :: parts]
    same = [case for case in cases if case.id == wanted.only]
    chosen = same or [case for case in cases if case.id.startswith(wanted.only)]
    if not chosen:
        sys.exit(f"there is no case {wanted.only}; ids change where steps do, and with --seed and --full")
    return chosen


def _quick_folder() -> str | None:
    """A folder in memory, where there is one: nothing here survives a power cut anyway."""
    memory = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
    return str(memory) if memory.is_dir() else None


def _as_interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
