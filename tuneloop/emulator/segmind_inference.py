"""POST /v1/flux-dev-finetuned and POST /v1/<slug>: a picture by a fine-tuned model, drawn while one waits.

Source: Segmind: Flux Dev Finetuned page. It says both "Text/JSON" and, in an older form, image/jpeg; the
gateway sends the bytes of the picture, and so does this until a switch says otherwise. The newer form of the
page points to the queue under /v2, which a model can be made to insist on.
"""

import base64
import time
import uuid
from typing import Any

from starlette.responses import JSONResponse, Response

from tuneloop.emulator.emulation import Emulation
from tuneloop.emulator.segmind_models import asked_for, billed, picture, with_picture
from tuneloop.emulator.segmind_refusals import Refused

COST_USD = 0.034
"""Average price of a picture in Segmind's model directory."""
_CREDITS_USD = 1000.0
"""What the account holds before the first picture; it may run below zero, nothing is refused for it."""


def draw(emulation: Emulation, endpoint: str, body: dict[str, Any]) -> Response:
    """Draw one picture, bill it, and answer with it.

    Raises:
        Refused: for a body the page does not allow, a model that is not there, or one that needs the queue.
    """
    job = asked_for(emulation, endpoint, body)
    if emulation.marks.has(job.id, "v2 only"):
        raise Refused(400, f"This model takes requests in the v2 queue only: POST /v2/{endpoint}")
    body = with_picture(job, body)
    begun = time.monotonic()
    content = picture(emulation, job, body)
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
    if emulation.switches.now.picture_answer == "json":
        document = {"image": base64.b64encode(content).decode(), "seed": body["seed"]}
        return JSONResponse(document, headers=headers)
    return Response(content, media_type="image/jpeg", headers=headers)


def credits_left(emulation: Emulation) -> float:
    """Return what the account still holds, in dollars."""
    return _CREDITS_USD - COST_USD * emulation.billing.count("inference")
