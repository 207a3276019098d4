"""Runs one entrant in a process of its own: `python -m benchmarks.data.child MODULE:FUNCTION ARGUMENT…`.

Prints its seconds, without the interpreter's start, imports and preparation, what else it tells by itself, such as
how many requests it has sent, and the peak of its memory. That
is read from the kernel's high-water mark: `ru_maxrss` of a fresh process can still show its parent's.
"""

from __future__ import annotations

import importlib
import json
import re
import sys
import time
from pathlib import Path


def main() -> None:
    """Prepare, run, tell."""
    module, _, function = sys.argv[1].partition(":")
    work = getattr(importlib.import_module(module), function)(*sys.argv[2:])
    began = time.perf_counter()
    found = work()
    seconds = time.perf_counter() - began
    told = found if isinstance(found, dict) else {}
    status = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    peak = int(status[1]) * 1024 / 1e6 if status else 0.0
    sys.stdout.write(json.dumps({"seconds": seconds, "peak_rss_mb": peak, "told": told}) + "\n")


if __name__ == "__main__":
    main()
