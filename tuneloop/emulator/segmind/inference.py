"""POST /v1/flux-dev-finetuned and POST /v1/<slug>: an image by a fine-tuned model, drawn while one waits.

Sources: Segmind: Flux Dev Finetuned page, which says "Text/JSON" and reads JSON in its sample, and in an older
form image/jpeg; Python SDK, whose `run_sync` takes bytes and says who it is in X-Initiator. So who asks for
images gets bytes, and everybody else JSON; a switch gives one of them to all. The newer form of the page points
to the queue under /v2, which a model can be made to insist on.
"""

import base64
import time
import uuid
from collections.abc import Mapping
from typing import Any

from starlette.responses import JSONResponse, Response

from tuneloop.emulator.emulation import Emulation
from tuneloop.emulator.segmind.models import asked_for, billed, image, with_image
from tuneloop.emulator.segmind.refusals import Refused

COST_USD = 0.034
"""Average price of an image in Segmind's model directory."""
_CREDITS_USD = 1000.0
"""What the account holds before the first image; it may run below zero, nothing is refused for it."""


def wants_bytes(headers: Mapping[str, str]) -> bool:
    """Tell whether a request asks for the image's bytes: by its Accept, or by coming from the SDK."""
    accepted = headers.get("accept", "").lower()
    return headers.get("x-initiator") == "SDK-PY" or ("image/" in accepted and "json" not in accepted)


def draw(emulation: Emulation, endpoint: str, body: dict[str, Any], *, as_bytes: bool) -> Response:
    """Draw one image, bill it, and answer with it, where no switch decides otherwise `as_bytes` or as JSON.

    Raises:
        Refused: for a body the page does not allow, a model that is not there, or one that needs the queue.
    """
    job = asked_for(emulation, endpoint, body)
    if emulation.marks.has(job.id, "v2 only"):
        raise Refused(400, f"This model takes requests in the v2 queue only: POST /v2/{endpoint}")
    body = with_image(job, body)
    begun = time.monotonic()
    content = image(emulation, job, body)
    request_id = str(uuid.uuid4())
    with emulation.state.transaction():
        emulation.billing.record(request_id, "inference", job.id, billed(job, body))
        left = credits_left(emulation)
    headers = {
        "x-cost": f"{COST_USD}",
        "x-remaining-credits": f"{left:.3f}",
        "x-generation-time": f"{time.monotonic() - begun:.3f}",
        "x-seed-value": str(body["seed"]),
        "x-request-id": request_id,
    }
    form = emulation.switches.now.image_answer
    if form == "json" or (form == "negotiated" and not as_bytes):
        document = {"image": base64.b64encode(content).decode(), "seed": body["seed"]}
        return JSONResponse(document, headers=headers)
    return Response(content, media_type="image/jpeg", headers=headers)


def credits_left(emulation: Emulation) -> float:
    """Return what the account still holds, in dollars."""
    return _CREDITS_USD - COST_USD * emulation.billing.count("inference")
