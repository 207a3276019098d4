"""`quick_python.py SOCKET -m MODULE ARGUMENTS` is `python -m MODULE ARGUMENTS`, as a child of a forge.

It gives the forge its arguments, environment, folder and standard streams, and ends as the child has ended. It
imports little, for it is started for every program.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys


def main(address: str, *arguments: str) -> int:
    """Run a module. Returns the exit code of its process."""
    if arguments[0] != "-m":
        raise SystemExit("name a module with -m")
    with socket.socket(socket.AF_UNIX) as forge:
        forge.connect(address)
        socket.send_fds(forge, [b"."], [0, 1, 2])
        order = {"arguments": arguments[1:], "environment": dict(os.environ), "folder": os.getcwd()}  # noqa: PTH109
        forge.sendall(json.dumps(order).encode() + b"\n")
        with forge.makefile() as lines:
            pid = int(lines.readline())
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, lambda number, _: os.kill(pid, number))
            code = lines.readline()
    if not code:
        os.kill(os.getpid(), signal.SIGKILL)  # as the child was
    return int(code)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
