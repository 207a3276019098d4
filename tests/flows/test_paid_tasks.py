"""Which tasks may be tried again."""

from __future__ import annotations

import json
import os
import subprocess
import sys

FREE = {
    "scan-dataset",
    "upload-dataset",
    "collect-weights",
    "restore-weights",
    "set-visibility",
    "score",
    "report",
    "model-page",
    "record-decision",
}
"""Tasks that cost nothing: they may be tried again. Every other one pays, and says `retries=0`."""

_ASK = """
import json
from prefect import Task
from tuneloop.orchestration import tasks
print(json.dumps({item.name: item.retries for item in vars(tasks).values() if isinstance(item, Task)}))
"""


def test_no_task_that_pays_is_tried_again_whatever_prefects_defaults_say() -> None:
    environment = {**os.environ, "PREFECT_TASKS_DEFAULT_RETRIES": "4"}
    asked = subprocess.run(
        [sys.executable, "-c", _ASK], env=environment, capture_output=True, text=True, check=True, timeout=300
    )
    retries = json.loads(asked.stdout.splitlines()[-1])
    assert {"submit-training", "render"} <= retries.keys()
    assert retries.keys() >= FREE
    assert {name: count for name, count in retries.items() if name not in FREE and count} == {}
