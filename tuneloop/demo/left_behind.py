"""Ends programs whose starter has died. A program of its own, so that it outlives a kill of the starter.

Reads one process id a line from standard input, whose end is the starter's end.
"""

from __future__ import annotations

import signal
import sys
from contextlib import suppress

import psutil

_PATIENCE_S = 8.0


def end_trees(roots: list[psutil.Process]) -> None:
    """Ask processes and all that they have started to end, then insist.

    Flow runs leave their worker's session, so the tree is read before anything ends.
    """
    tree: list[psutil.Process] = []
    for root in roots:
        with suppress(psutil.NoSuchProcess):
            tree += [*root.children(recursive=True), root]
    for member in tree:
        with suppress(psutil.NoSuchProcess):
            member.terminate()
    _, alive = psutil.wait_procs(tree, timeout=_PATIENCE_S)
    for member in alive:
        with suppress(psutil.NoSuchProcess):
            member.kill()
    psutil.wait_procs(alive, timeout=_PATIENCE_S)


def main() -> None:
    """Keep the processes that are named until nobody can name more, then end those that are still there."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    started: list[psutil.Process] = []
    for line in sys.stdin:
        # The process is kept with the moment of its start: another one that gets its id later is left alone.
        with suppress(psutil.NoSuchProcess):
            started.append(psutil.Process(int(line)))
    end_trees([process for process in reversed(started) if process.is_running()])


if __name__ == "__main__":
    main()
