"""What the run form of a flow shows, and the values that it starts with."""

from __future__ import annotations

import json
from typing import Any

from prefect import Flow
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import DeploymentUpdate
from prefect.client.schemas.responses import DeploymentResponse

from tuneloop.orchestration.deployment_files import flow_of
from tuneloop.orchestration.plain_fields import make_plain
from tuneloop.providers.registry import TRAINERS
from tuneloop.schemas.recipe_form import OTHERS, to_form


def show_in_form(flow: Flow[..., Any], *names: str) -> None:
    """Let the run form of a flow show some of its parameters, in this order. A deployment's file sets the others.

    A field that may be left empty is shown as one field: Prefect shows a tab for null, which says nothing.
    """
    schema = flow.parameters
    shown = {name: schema.properties[name] for name in names}
    for properties in (shown, *(each.get("properties", {}) for each in schema.definitions.values())):
        make_plain(properties)
    for position, field in enumerate(shown.values()):
        field["position"] = position
    schema.properties = shown
    schema.required = [name for name in schema.required if name in shown]
    if '"$ref"' not in json.dumps(shown):
        schema.definitions = {}


def fill_form(client: SyncPrefectClient, found: DeploymentResponse) -> None:
    """Give a deployment the form of its flow, which starts with the recipe of its file, field by field.

    Prefect's own deploy makes the form from the flow's signature anew.
    """
    parameters = dict(found.parameters or {})
    form = flow_of(found.entrypoint or "").parameters.model_dump()
    is_ours = OTHERS in form["properties"].get("recipe", {}).get("properties", {})
    if is_ours and isinstance(recipe := parameters.get("recipe"), dict):
        parameters["recipe"] = to_form(recipe, TRAINERS)
    client.update_deployment(found.id, DeploymentUpdate(parameters=parameters, parameter_openapi_schema=form))
