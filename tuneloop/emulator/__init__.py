"""The providers' HTTP APIs on a real socket, for tests and the demo.

Built from the providers' documentation, not from our clients; shares no code with the rest of `tuneloop`.
To add a provider: a folder whose `routes.py` has a `PROVIDER` (see `emulation.py`).
"""

from tuneloop.emulator.control import EmulatorControl, EmulatorControlError
from tuneloop.emulator.deliveries import Delivery
from tuneloop.emulator.faults import Fault
from tuneloop.emulator.jobs import Job, Progress
from tuneloop.emulator.records import BilledEntry, LoggedRequest
from tuneloop.emulator.server import PortInUse, running_emulator, serve
from tuneloop.emulator.switches import Switches

__all__ = [
    "BilledEntry",
    "Delivery",
    "EmulatorControl",
    "EmulatorControlError",
    "Fault",
    "Job",
    "LoggedRequest",
    "PortInUse",
    "Progress",
    "Switches",
    "running_emulator",
    "serve",
]
