"""The emulated providers: each folder here whose `routes.py` has a `PROVIDER`. No shared module names one."""

from importlib import import_module
from pathlib import Path

from tuneloop.emulator.emulation import Provider


def _found() -> list[Provider]:
    folders = sorted(routes.parent.name for routes in Path(__file__).parent.glob("*/routes.py"))
    modules = [import_module(f"tuneloop.emulator.{folder}.routes") for folder in folders]
    return [module.PROVIDER for module in modules if hasattr(module, "PROVIDER")]


PROVIDERS: dict[str, Provider] = {provider.name: provider for provider in _found()}
