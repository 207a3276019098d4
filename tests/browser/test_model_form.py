"""The run form of a model that is retrained."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from playwright.sync_api import expect

from deployments.demo.scenario import MODEL_DEPLOYMENT
from deployments.demo.stack import Stack
from tests.browser.pages import Ui
from tests.browser.runs import Runs, wait_until


@pytest.fixture
def deployment(runs: Runs) -> UUID:
    return runs.client.read_deployment_by_name(MODEL_DEPLOYMENT).id


def test_the_form_says_of_every_parameter_what_it_is(ui: Ui, deployment: UUID, runs: Runs) -> None:
    schema = runs.client.read_deployment(deployment).parameter_openapi_schema

    page = ui.run_form(deployment).page

    assert schema is not None
    for name, shown in schema["properties"].items():
        assert "description" in shown, f"{name} has no description"
    for shown in _properties(schema):
        expect(page.get_by_text(shown["description"], exact=True).first).to_be_visible()


def _properties(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every property that has words of its own, of the parameters and of what they are made of."""
    for part in (schema, *schema["definitions"].values()):
        yield from (item for item in part["properties"].values() if "description" in item)


def test_a_run_from_the_form_trains_what_the_deployment_file_says(
    ui: Ui, deployment: UUID, runs: Runs, file_run: UUID, pictures: Path, stack: Stack
) -> None:
    form = ui.run_form(deployment)
    form.field("model").fill("typed-robot")
    form.field("dataset").fill(str(pictures))

    typed = form.submit()

    parameters = runs.read(typed).parameters
    assert (parameters["model"], parameters["dataset"]) == ("typed-robot", str(pictures))
    # The form sends each default and the file does not: still it is one training, which is paid once.
    assert parameters["recipe"] != runs.read(file_run).parameters["recipe"]
    assert _training_key(stack, typed) == _training_key(stack, file_run)


def _training_key(stack: Stack, run: UUID) -> str:
    """The training that a run works on, once it has decided."""
    record = stack.folder / "store" / "runs" / f"{run}.json"
    wait_until(record.is_file, f"{record} is there")
    return str(json.loads(record.read_bytes())["key"])
