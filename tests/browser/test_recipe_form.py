"""The run form of a flow whose recipe is one of two."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest
from prefect.utilities.callables import parameter_schema
from pydantic import TypeAdapter

from deployments.server_ready import WORK_POOL
from tests.browser.pages import Ui
from tests.browser.runs import Runs
from tests.browser.two_recipes import SmallTestRecipe, TwoRecipes, choose_recipe
from tuneloop.values.segmind_recipes import FluxLoraRecipe

FLUX, SMALL = "Flux LoRA (Segmind)", "Small test (nowhere)"


@pytest.fixture(scope="package")
def deployment(runs: Runs, pytestconfig: pytest.Config) -> UUID:
    """The test's own flow, for the project's worker."""
    entrypoint = Path(__file__).with_name("two_recipes.py").relative_to(pytestconfig.rootpath)
    start_in = {"directory": str(pytestconfig.rootpath)}
    return runs.client.create_deployment(
        runs.client.create_flow(choose_recipe),
        "two-recipes",
        entrypoint=f"{entrypoint}:choose_recipe",
        work_pool_name=WORK_POOL,
        pull_steps=[{"prefect.deployments.steps.set_working_directory": start_in}],
        parameter_openapi_schema=parameter_schema(choose_recipe).model_dump_for_openapi(),
        enforce_parameter_schema=True,
    )


def test_the_form_shows_both_recipes_by_their_titles(ui: Ui, deployment: UUID) -> None:
    assert ui.run_form(deployment).members() == [FLUX, SMALL]


def test_a_run_gets_the_recipe_that_was_chosen_second(ui: Ui, deployment: UUID, runs: Runs) -> None:
    form = ui.run_form(deployment)
    form.choose(SMALL)
    form.field("Rounds (Optional)").fill("7")
    form.field("Subject").fill("a teapot")

    run = form.submit()

    recipe = {"trainer": "small-test", "rounds": 7, "subject": "a teapot"}
    assert runs.read(run).parameters == {"recipe": recipe}
    state = runs.wait_until(run, "Completed").state
    assert state is not None
    assert state.message == f"SmallTestRecipe {SmallTestRecipe(rounds=7, subject='a teapot').model_dump_json()}"


def test_a_run_gets_the_first_recipe_after_switching_there_and_back(ui: Ui, deployment: UUID, runs: Runs) -> None:
    form = ui.run_form(deployment)
    form.choose(SMALL)
    form.field("Subject").fill("a teapot")
    form.choose(FLUX)
    form.field("Instance Prompt").fill("a photo of TEAPOX")
    form.field("Trigger Word").fill("TEAPOX")

    run = form.submit()

    sent = runs.read(run).parameters["recipe"]
    meant = FluxLoraRecipe(instance_prompt="a photo of TEAPOX", trigger_word="TEAPOX")
    assert TypeAdapter(TwoRecipes).validate_python(sent) == meant
    assert "subject" not in sent
