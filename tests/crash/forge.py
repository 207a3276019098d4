"""The forge of the harness: `python -m tests.crash.forge SOCKET`. Its children are flow runs with taps."""

from __future__ import annotations

import gc
import json
import os
import socket
import sys
from typing import NoReturn

from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

from tests.crash import flow_process
from tests.crash.bound import die_with_parent
from tests.forge.forking import fork_for_each_connection


def main(address: str) -> NoReturn:
    """Fork a process for each connection, for ever."""
    forge = os.getpid()

    def child(connection: socket.socket) -> NoReturn:
        die_with_parent(forge)
        order = json.loads(connection.makefile().readline())
        gc.disable()  # no run lives long enough for it
        flow_process.run(connection, order)

    # A heartbeat is a thread, for which a run waits a second at its end.
    with temporary_settings(updates={PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        fork_for_each_connection(address, child, "flows")


if __name__ == "__main__":
    main(sys.argv[1])
