"""The flows of the package, found and not listed: a new one takes part by being there."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

from prefect import Flow

import flows


def deployable_flows() -> dict[str, Flow[Any, Any]]:
    """Every flow that is defined in `flows/`, by its entrypoint."""
    found: dict[str, Flow[Any, Any]] = {}
    for item in pkgutil.iter_modules(flows.__path__, "flows."):
        module = importlib.import_module(item.name)
        for name, value in vars(module).items():
            if isinstance(value, Flow) and value.fn.__module__ == item.name:
                found[f"{item.name.replace('.', '/')}.py:{name}"] = value
    return found
