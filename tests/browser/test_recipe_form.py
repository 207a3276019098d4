"""The run form of a model whose recipe is one of several: Prefect's form breaks where the schema is not ours."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

from tests.browser.pages import Ui
from tests.browser.runs import Runs, run_record
from tuneloop.demo.stack import Stack

FLUX, QWEN = "Flux LoRA (Segmind)", "Qwen LoRA (Segmind)"


def test_the_form_shows_every_recipe_by_its_title(ui: Ui, model: UUID) -> None:
    titles = [FLUX, "Flux Kontext LoRA (Segmind)", QWEN, "FLUX pro fine-tune (BFL)"]
    assert ui.run_form(model).members() == titles


def test_a_run_works_on_the_recipe_that_was_chosen(
    ui: Ui, model: UUID, runs: Runs, images: Path, stack: Stack
) -> None:
    form = ui.run_form(model)
    form.field("model").fill("qwen-robot")
    form.field("dataset").fill(str(images))
    form.choose(QWEN)
    form.field("Instance Prompt").fill("a photo of a teapot")
    form.field("Trigger Word").fill("TEAPOX")

    run = form.submit()

    chosen = {"trainer": "qwen-lora", "instance_prompt": "a photo of a teapot", "trigger_word": "TEAPOX"}
    assert chosen.items() <= runs.read(run).parameters["recipe"].items()
    runs.wait_until(run, "Suspended", "Completed")
    assert chosen.items() <= run_record(stack, run)["recipe"].items()
    runs.cancel(run)


def test_a_run_gets_the_first_recipe_after_switching_away_and_back(ui: Ui, model: UUID, runs: Runs) -> None:
    form = ui.run_form(model)
    form.choose(QWEN)
    form.field("Trigger Word").fill("TEAPOX")
    form.choose(FLUX)
    form.field("Instance Prompt").fill("a photo of a robot")

    run = form.submit()
    runs.cancel(run)

    recipe = runs.read(run).parameters["recipe"]
    assert (recipe["trainer"], recipe["instance_prompt"]) == ("flux-lora", "a photo of a robot")
    assert (recipe["trigger_word"], recipe["machine_type"]) == ("ROBOX", "NVIDIA_A100_40GB")
