"""What a process says of itself, up to its last moment. Arguments: an exit code."""

from __future__ import annotations

import atexit
import logging
import os
import sys
import threading
from pathlib import Path

from prefect import flow
from prefect.settings import PREFECT_API_URL, PREFECT_HOME

print(__name__, sys.argv[1:], Path.cwd(), os.environ["OF_THE_TEST"])  # noqa: T201
print(PREFECT_API_URL.value(), PREFECT_HOME.value())  # noqa: T201
print(flow.__module__, "info:", logging.getLogger("prefect").isEnabledFor(logging.INFO))  # noqa: T201
atexit.register(print, "at the very end")
threading.Timer(0.1, print, ["from a thread that outlives the main one"]).start()
sys.stderr.write("an error\n")
sys.exit(int(sys.argv[1]))
