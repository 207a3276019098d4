"""Where the project's flows and blocks are, and how the library finds them.

A project may be anywhere, and its owner may change it: so the library looks for it when it is needed.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

OPERATOR_FILE = "prefect.yaml"
"""The operator's deployments; what makes a folder a project."""
FLOWS, BLOCKS = "flows", "blocks"
MODEL_FILES = "deployments"
"""The folder of the models' deployment files."""


def shipped() -> Path:
    """The project that comes with Tuneloop: a wheel carries it, a checkout has it at its root."""
    carried = Path(__file__).parent / "template"
    return carried if carried.is_dir() else Path(__file__).parents[2]


def current_project() -> Path:
    """The current folder if it is a project, else what comes with Tuneloop."""
    here = Path.cwd()
    is_project = (here / OPERATOR_FILE).is_file() and all((here / name).is_dir() for name in (FLOWS, BLOCKS))
    return here if is_project else shipped()


def import_from_project(module: str) -> ModuleType:
    """Import a module of the current project, such as `flows.retrain_model`.

    Raises:
        ImportError: There is no such module, or it cannot be imported.
    """
    folder = str(current_project())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    return import_module(module)
