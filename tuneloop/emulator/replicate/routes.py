"""Replicate's HTTP API: its routes, and the states of a training.

Source: Replicate's OpenAPI document of March 2026. Of its routes there are those that trainings, their files,
their destinations and their images need; collections, deployments, search and deletions of models are not there.
"""

from starlette.routing import BaseRoute

from tuneloop.emulator.calls import Handler, Reader, no_fields, route
from tuneloop.emulator.emulation import Emulation, Provider
from tuneloop.emulator.jobs import Lifecycle, Progress
from tuneloop.emulator.replicate import fields, files, images, models, responses, trainings, webhooks

_MODEL = "/v1/models/{owner}/{name}"


def _routes(emulation: Emulation) -> list[BaseRoute]:
    endpoints: list[tuple[str, str, Handler, Reader]] = [
        ("GET", "/v1/account", models.account, fields.token_only),
        ("GET", "/v1/hardware", models.hardware, fields.token_only),
        ("GET", "/v1/webhooks/default/secret", webhooks.secret, fields.token_only),
        ("POST", "/v1/files", files.create, fields.upload),
        ("GET", "/v1/files", files.listed, fields.token_only),
        ("GET", "/v1/files/{id}", files.get, fields.token_only),
        ("DELETE", "/v1/files/{id}", files.delete, fields.token_only),
        ("GET", "/v1/files/{id}/{file}", trainings.weights_file, fields.token_only),
        ("POST", "/v1/models", models.create, fields.body_of(fields.NewModel)),
        ("GET", _MODEL, models.get, fields.token_only),
        ("GET", f"{_MODEL}/versions", models.versions, fields.token_only),
        ("GET", _MODEL + "/versions/{version}", models.version, fields.token_only),
        ("POST", _MODEL + "/versions/{version}/trainings", trainings.submit, fields.body_of(fields.NewTraining)),
        ("GET", "/v1/trainings", trainings.page, fields.cursor),
        ("GET", "/v1/trainings/{id}", trainings.get, fields.token_only),
        ("POST", "/v1/trainings/{id}/cancel", trainings.cancel, fields.token_only),
        ("POST", "/v1/predictions", images.submit, fields.body_of(fields.NewPrediction)),
        ("GET", "/v1/predictions/{id}", images.get, fields.token_only),
        ("POST", "/v1/predictions/{id}/cancel", images.cancel, fields.token_only),
        ("GET", images.DELIVERY + "{id}/{file}", images.deliver, no_fields),
    ]
    return [route(emulation, *endpoint) for endpoint in endpoints]


PROVIDER = Provider(
    name="replicate",
    api_key=fields.API_KEY,
    lifecycle=Lifecycle(
        states=("starting", "processing", "succeeded"),
        failed="failed",
        fails_after="processing",
        trained="succeeded",
        also_failed=("canceled", "aborted"),
    ),
    progress=Progress.after_seconds(starting=2.0, processing=6.0),
    foreign_statuses={
        "starting": "IN_QUEUE",
        "processing": "IN_PROGRESS",
        "succeeded": "COMPLETED",
        "failed": "ERROR",
        "canceled": "CANCELLED",
        "aborted": "CANCELLED",
    },
    routes=_routes,
    webhooks=webhooks.STYLE,
    redirects_slashes=False,
    fault_response=responses.fault_response,
    error_pages={404: responses.unknown_route, 405: responses.wrong_verb},
)
