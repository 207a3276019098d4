"""`tuneloop adopt`: runs the project's flow in this process."""

from __future__ import annotations

import logging
from typing import Any

from tuneloop.cli.exit_codes import exit_code_of
from tuneloop.cli.terminal import tell
from tuneloop.orchestration.deployment_files import flow_of


def run_adoption(parameters: dict[str, Any], *, as_json: bool) -> bool:
    """Run `adopt_model`, and say what came of it. Returns whether it completed.

    Raises:
        TuneloopError: What it has failed with.
    """
    adopt_model: Any = flow_of("flows/adopt_model.py:adopt_model")
    for handler in logging.getLogger().handlers:
        # The run's log on the server has the traceback; here the error is said once.
        handler.addFilter(lambda record: not record.exc_info)
    state = adopt_model(**parameters, return_state=True)
    error = None if state.is_completed() else state.result(raise_on_failure=False)
    if isinstance(error, Exception) and exit_code_of(error) is not None:
        raise error
    document = {"model": parameters["model"], "state": state.name, "message": state.message}
    tell(document, state.message, as_json=as_json)
    return bool(state.is_completed())
