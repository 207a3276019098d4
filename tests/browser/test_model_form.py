"""The run form of a model that is retrained: its words, and a run made by typing."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

from playwright.sync_api import expect

from tests.browser.pages import RunForm, Ui
from tests.browser.runs import Runs, run_record
from tuneloop.demo.stack import Stack
from tuneloop.schemas.training import job_name


def test_the_form_says_of_every_field_what_it_is(ui: Ui, model: UUID, runs: Runs) -> None:
    schema = runs.client.read_deployment(model).parameter_openapi_schema
    assert schema is not None

    _read_all(ui.run_form(model), schema, schema["definitions"])


def _read_all(form: RunForm, shape: dict[str, Any], definitions: dict[str, Any]) -> None:
    """Read the words of every field of a shape, on every tab of what a field may be."""
    for name, field in shape["properties"].items():
        assert field.get("description"), f"{name} has no description"
        words = " ".join(field["description"].split())
        expect(form.page.get_by_text(words, exact=True).first).to_be_visible()
        if "$ref" in field:
            _read_all(form, _definition(field, definitions), definitions)
        for member in (item for item in field.get("anyOf", []) if "$ref" in item):
            part = _definition(member, definitions)
            form.choose(part["title"])
            _read_all(form, part, definitions)


def _definition(reference: dict[str, str], definitions: dict[str, Any]) -> dict[str, Any]:
    return dict(definitions[reference["$ref"].rpartition("/")[2]])


def test_a_run_from_the_form_trains_what_the_deployment_file_says(
    ui: Ui, model: UUID, runs: Runs, file_run: UUID, images: Path, stack: Stack
) -> None:
    form = ui.run_form(model)
    form.field("model").fill("typed-robot")
    form.field("dataset").fill(str(images))

    typed = form.submit()

    parameters = runs.read(typed).parameters
    assert (parameters["model"], parameters["dataset"]) == ("typed-robot", str(images))
    # The form sends each default and the file does not: still it is one training, which is paid once.
    assert parameters["recipe"] != runs.read(file_run).parameters["recipe"]
    for run in (typed, file_run):
        runs.wait_until(run, "Suspended", "Completed")
    key = run_record(stack, typed)["key"]
    assert key == run_record(stack, file_run)["key"]
    assert [entry.name for entry in stack.emulator.billing()].count(job_name(key, 1)) == 1
    runs.cancel(typed)
