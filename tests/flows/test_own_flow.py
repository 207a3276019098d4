"""The flow of a user's own that docs/your-own-flows.md shows, from the stages."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import draw_images
from tests.flows.bill import Bill
from tests.flows.runs import request_for
from tuneloop.demo.stack import Stack


@pytest.fixture
def retrain_from_catalog(tmp_path: Path, pytestconfig: pytest.Config) -> Any:
    text = (pytestconfig.rootpath / "docs" / "your-own-flows.md").read_text()
    (example,) = (
        block for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "tuneloop.api" in block
    )
    file = tmp_path / "own_flow.py"
    file.write_text(example)
    return runpy.run_path(str(file))["retrain_from_catalog"]


def test_own_flow_of_the_stages_pays_once_and_takes_new_images_from_its_own_step(
    stack: Stack, bill: Bill, retrain_from_catalog: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del stack
    monkeypatch.chdir(tmp_path)
    monday = draw_images(tmp_path / "exports" / "from-catalog" / "monday", shade=160)
    wish = {name: value for name, value in request_for("from-catalog", monday).items() if name != "dataset"}
    assert retrain_from_catalog(**wish, return_state=True).name == "Completed"
    assert retrain_from_catalog(**wish, return_state=True).name == "Cached"
    assert len(bill.trainings) == 1
    draw_images(tmp_path / "exports" / "from-catalog" / "tuesday", shade=161)
    assert retrain_from_catalog(**wish, return_state=True).name == "Completed"
    assert len(bill.trainings) == 2
