"""BFL's fine-tuning API: its routes, and the states of a training.

Sources: BFL: POST /v1/finetune and GET /v1/finetune_details pages, OpenAPI of spring 2025, its documents of 2026
(credits). Training shows no state of its own: a job is Pending until it is Ready. There is no download of weights.
"""

from starlette.responses import JSONResponse
from starlette.routing import BaseRoute

from tuneloop.emulator.bfl import fields, inference, responses, trainers, webhooks
from tuneloop.emulator.calls import Handler, Reader, no_fields, route
from tuneloop.emulator.emulation import Emulation, Provider
from tuneloop.emulator.jobs import Lifecycle, Progress


def _routes(emulation: Emulation) -> list[BaseRoute]:
    """Return every route; like FastAPI's, none answers HEAD that is not meant to."""
    endpoints: list[tuple[str, str, Handler, Reader]] = [
        ("POST", "/v1/finetune", trainers.submit, fields.finetune_body),
        ("GET", "/v1/my_finetunes", trainers.mine, fields.key_only),
        ("GET", "/v1/finetune_details", trainers.details, fields.query_field("finetune_id")),
        ("POST", "/v1/delete_finetune", trainers.delete, fields.body_of(fields.Deletion)),
        ("GET", "/v1/credits", inference.credits_left, fields.key_only),
        # The one request that needs no key: the id is the secret.
        ("GET", "/v1/get_result", inference.result, fields.query_field("id", key=False)),
        *(
            ("POST", f"/v1/{name}", inference.submit, fields.body_of(model))
            for name, (model, _) in inference.ENDPOINTS.items()
        ),
        ("GET", inference.SAMPLES + "{id}/{file}", inference.sample, no_fields),
    ]
    routes = [route(emulation, *endpoint) for endpoint in endpoints]
    for each in routes[:-1]:
        (each.methods or set()).discard("HEAD")
    return [*routes]


PROVIDER = Provider(
    name="bfl",
    api_key=fields.API_KEY,
    lifecycle=Lifecycle(
        states=("Pending", "Ready"),
        failed="Error",
        fails_after="Pending",
        trained="Ready",
        also_failed=("Request Moderated", "Content Moderated"),
    ),
    progress=Progress.after_seconds(Pending=8.0),
    foreign_statuses={
        "Pending": "IN_PROGRESS",
        "Ready": "SUCCEEDED",
        "Error": "CANCELED",
        "Request Moderated": "REJECTED",
        "Content Moderated": "REJECTED",
    },
    routes=_routes,
    webhooks=webhooks.STYLE,
    redirects_slashes=True,
    fault_response=responses.fault_response,
    error_pages={
        404: lambda *_: JSONResponse({"detail": "Not Found"}, 404),
        405: lambda *_: JSONResponse({"detail": "Method Not Allowed"}, 405),
    },
)
