"""fal's API: its routes, and the states of a training.

One address stands for its queue, its storage, its files, its Platform API and its JWKS, whose fixed routes come
before those of the queue, where any path is an endpoint.
"""

from starlette.responses import JSONResponse
from starlette.routing import BaseRoute

from tuneloop.emulator.calls import Handler, Reader, no_fields, route
from tuneloop.emulator.emulation import Emulation, Provider
from tuneloop.emulator.fal import fields, images, platform, queue, responses, results, storage, webhooks
from tuneloop.emulator.jobs import Lifecycle, Progress

_PART = storage.FILES + "{file:path}/multipart/{upload}/"
_REQUEST = "/{app:path}/requests/{id}"


def _routes(emulation: Emulation) -> list[BaseRoute]:
    with_key, with_json = fields.key_only, fields.json_body
    endpoints: list[tuple[str, str, Handler, Reader]] = [
        ("POST", "/storage/upload/initiate", storage.initiate, with_json),
        ("POST", "/storage/upload/initiate-multipart", storage.initiate_multipart, with_json),
        ("POST", "/storage/auth/token", storage.token, with_json),
        ("POST", "/files/upload", storage.upload, fields.token_body),
        ("POST", "/files/upload/multipart", storage.begin_multipart, fields.token_body),
        ("POST", _PART + "complete", storage.complete_multipart, fields.open_json_body),
        ("PUT", _PART + "{part}", storage.put_part, fields.open_body),
        ("GET", storage.FILES + "{file:path}", storage.read, no_fields),
        ("GET", images.DRAWN + "{id}/{file}", images.send, no_fields),
        ("GET", "/.well-known/jwks.json", webhooks.keys, no_fields),
        ("GET", "/v1/models", platform.models, fields.query(key=False)),
        ("GET", "/v1/models/pricing", platform.pricing, fields.query(key=True)),
        ("GET", "/v1/models/requests/by-endpoint", platform.requests, fields.query(key=True)),
        ("GET", "/v1/models/requests/search", platform.search, fields.query(key=True)),
        ("GET", "/v1/meta", platform.meta, no_fields),
        ("GET", _REQUEST + "/status", queue.status, with_key),
        ("PUT", _REQUEST + "/cancel", queue.cancel, with_key),
        ("GET", _REQUEST + "/response", queue.result, with_key),
        ("GET", _REQUEST, queue.result, with_key),
        ("POST", "/{endpoint:path}", queue.submit, with_json),
    ]
    return [route(emulation, *endpoint) for endpoint in endpoints]


PROVIDER = Provider(
    name="fal",
    api_key=fields.API_KEY,
    lifecycle=Lifecycle(
        states=(queue.WAITING, queue.RUNNING, queue.DONE),
        failed=results.FAILED,
        fails_after=queue.RUNNING,
        trained=queue.DONE,
        also_failed=(results.CANCELLED,),
    ),
    progress=Progress.after_seconds(IN_QUEUE=2.0, IN_PROGRESS=8.0),
    foreign_statuses={"IN_QUEUE": "starting", "IN_PROGRESS": "processing", "COMPLETED": "succeeded"},
    webhooks=webhooks.STYLE,
    routes=_routes,
    redirects_slashes=False,
    fault_response=responses.fault_response,
    error_pages={
        404: lambda *_: JSONResponse({"detail": "Path not found"}, 404),
        405: lambda *_: JSONResponse({"detail": "Method Not Allowed"}, 405),
    },
    produce=results.produce,
)
