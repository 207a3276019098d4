"""The run form of a model: what it shows, and runs made by typing."""

from __future__ import annotations

import sys
from pathlib import Path
from uuid import UUID

import pytest
from playwright.sync_api import expect

from tests.browser.pages import Ui
from tests.browser.runs import Runs, run_record
from tuneloop.demo.stack import Stack
from tuneloop.schemas.training import job_name

pytestmark = pytest.mark.long  # a browser and an installation of its own

MAX_HEIGHT_PX = 1800


def test_form_is_short_and_says_of_every_field_what_it_is(ui: Ui, model: UUID, runs: Runs) -> None:
    schema = runs.client.read_deployment(model).parameter_openapi_schema
    assert schema is not None
    form = ui.run_form(model)
    for field in (*schema["properties"].values(), *schema["properties"]["recipe"]["properties"].values()):
        expect(form.page.get_by_text(" ".join(field["description"].split()), exact=True)).to_be_visible()
    expect(form.page.get_by_text('is type "None"')).to_have_count(0)
    sys.stdout.write(f"the form is {form.height_px()} px high\n")
    assert form.height_px() < MAX_HEIGHT_PX


def test_run_from_the_form_trains_what_the_deployment_file_says(
    ui: Ui, model: UUID, runs: Runs, file_run: UUID, images: Path, stack: Stack
) -> None:
    form = ui.run_form(model)
    form.field("model").fill("typed-robot")
    form.field("dataset").fill(str(images))

    typed = form.submit()

    for run in (typed, file_run):
        runs.wait_until(run, "Suspended", "Completed")
    key = run_record(stack, typed)["key"]
    assert key == run_record(stack, file_run)["key"]
    assert [entry.name for entry in stack.emulator.billing()].count(job_name(key, 1)) == 1
    runs.cancel(typed)


def test_run_works_on_the_trainer_and_the_settings_that_were_typed(
    ui: Ui, model: UUID, runs: Runs, images: Path, stack: Stack
) -> None:
    form = ui.run_form(model)
    form.field("model").fill("qwen-robot")
    form.field("dataset").fill(str(images))
    form.choose("qwen-lora")
    form.field("Trigger word (Optional)").fill("TEAPOX")
    form.field("Default caption (Optional)").fill("a photo of a teapot")
    form.others('{"auto_caption": false}')

    run = form.submit()

    runs.wait_until(run, "Suspended", "Completed")
    recipe = run_record(stack, run)["recipe"]
    chosen = {"trainer": "qwen-lora", "instance_prompt": "a photo of a teapot", "trigger_word": "TEAPOX"}
    assert chosen.items() <= recipe.items()
    settings = {"steps": 1000, "learning_rate": 0.0004, "auto_caption": False}
    assert settings.items() <= recipe["advance_parameters"].items()
    runs.cancel(run)


def test_setting_that_the_trainer_does_not_have_is_refused_by_its_name(ui: Ui, model: UUID, runs: Runs) -> None:
    form = ui.run_form(model)
    form.others('{"lora_rnk": 8}')

    run = runs.wait_until(form.submit(), "Failed")

    assert "lora_rnk" in str(run.state and run.state.message)
