"""Many retrainings on a team's installation, whose programs are killed in turn while the runs go on.

`make test-scale`, or `python -m tests.scale [--runs N] [--models N] [--kills N] [--json FILE]`: PostgreSQL, Redis,
a Prefect server, its services, two workers, an S3 gateway and three emulated providers, all on 127.0.0.1.
"""

from __future__ import annotations

import argparse
import json
import signal
import statistics
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from typing import Any

from rich.console import Console

from tests.scale.books import Books
from tests.scale.load import deploy, make_wishes, queue_seconds, state_of, submit
from tests.scale.session import VICTIMS, Session
from tests.scale.team import STORE, Team, running_team, start_workers
from tuneloop.ledger.ledger import Ledger
from tuneloop.orchestration.blocks import open_store

_PROVIDERS = ("fal", "replicate", "segmind")


def main() -> int:
    """Play a session. Returns the exit code: 0 where all is decided, nothing paid twice and nothing lost."""
    wanted = _arguments()
    signal.signal(signal.SIGTERM, _as_interrupt)
    began, console = time.monotonic(), Console()

    def tell(line: str) -> None:
        console.print(f"{time.monotonic() - began:5.0f} s  {line}", highlight=False)

    with ExitStack() as ends:
        home = wanted.folder or Path(ends.enter_context(tempfile.TemporaryDirectory(prefix="scale-")))
        home.mkdir(parents=True, exist_ok=True)
        tell("starting PostgreSQL, Redis, an S3 gateway, a Prefect server and its services")
        team = ends.enter_context(running_team(home.resolve(), _PROVIDERS))
        wishes = make_wishes(team.folder / "images", wanted.models, wanted.runs)
        deploy(team, wishes)
        start_workers(team)
        books = Books(Ledger(open_store(STORE)), list(team.emulators.values()), submit(wishes))
        tell(f"{wanted.runs} retrainings of {wanted.models} models are submitted")
        session = Session(team, books, VICTIMS[: wanted.kills], tell)
        session.play(wanted.minutes * 60 - (time.monotonic() - began))
        figures = _figures(session, team, books, tell)
    figures["seconds"] = round(time.monotonic() - began)
    console.print_json(data=figures)
    if wanted.json:
        wanted.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    good = figures["decided"] == wanted.runs and figures["kills"] == wanted.kills
    return 0 if good and not figures["double_payments"] and not figures["lost_weights"] else 1


def _figures(session: Session, team: Team, books: Books, tell: Any) -> dict[str, Any]:
    decided = books.decided()
    findings = {"double_payments": list(books.double_payments()), "lost_weights": list(books.lost_weights())}
    for line in (item for found in findings.values() for item in found):
        tell(line)
    for item in books.undecided():
        tell(f"run {item.flow_run} of {item.wish.model} is not decided: {state_of(item)}")
    waited = sorted(queue_seconds(books.submitted))
    return {
        "submitted": len(books.submitted),
        "decided": decided,
        "double_payments": len(findings["double_payments"]),
        "lost_weights": len(findings["lost_weights"]),
        "kills": len(session.killed),
        "seconds": 0,
        "queue_seconds_p95": round(statistics.quantiles(waited, n=20)[-1], 1) if len(waited) > 1 else None,
        "paid": len(books.paid()),
        "answered_by_a_person": session.answered,
        "killed": dict(Counter(session.killed)),
        "ended_by_themselves": dict(Counter(team.ended_by_themselves)),
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make test-scale", description=__doc__)
    parser.add_argument("--runs", type=int, default=40, help="retrainings that are submitted at once")
    parser.add_argument("--models", type=int, default=8, help="models that they retrain")
    parser.add_argument("--kills", type=int, default=len(VICTIMS), help="how many programs are killed in turn")
    parser.add_argument("--minutes", type=float, default=20, help="after which what is undecided stays so")
    parser.add_argument("--folder", type=Path, help="an empty folder that keeps everything, logs too")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to this file")
    return parser.parse_args()


def _as_interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
