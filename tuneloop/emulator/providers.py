"""The emulated providers: one row for each folder. No shared module names one."""

from tuneloop.emulator.bfl.routes import BFL
from tuneloop.emulator.emulation import Provider
from tuneloop.emulator.segmind.routes import SEGMIND

PROVIDERS: dict[str, Provider] = {provider.name: provider for provider in (SEGMIND, BFL)}
