"""A flow of a user's own that retrains two models."""

from __future__ import annotations

from typing import Any

from prefect import flow

from flows.retrain_model import retrain_model


@flow(name="retrain-two")
def retrain_two(first: dict[str, Any], second: dict[str, Any]) -> str:
    states = [retrain_model(**parameters, return_state=True) for parameters in (first, second)]
    return ", ".join(str(state.name) for state in states)
