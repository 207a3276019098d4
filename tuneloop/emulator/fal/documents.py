"""The OpenAPI document of an endpoint of fal, made from the model that checks its input.

Source: OpenAPI documents of its trainers and LoRA endpoints, June 2026 (paths, schemas, how they refer to each
other).
"""

from typing import Any

from tuneloop.emulator.fal.inference import ENDPOINTS
from tuneloop.emulator.fal.trainers import TRAINERS, schema_name

_SCHEMAS = "#/components/schemas/"
_FILE = {"type": "object", "required": ["url"], "properties": {"url": {"type": "string"}}}


def openapi(endpoint: str) -> dict[str, Any]:
    """Return the document of a trainer or of an endpoint that draws."""
    trainer = TRAINERS.get(endpoint)
    model = trainer.input if trainer else ENDPOINTS[endpoint].input
    words = schema_name(endpoint)
    schema = model.model_json_schema(ref_template=_SCHEMAS + "{model}")
    made = trainer.output if trainer else "images"
    output = {"$ref": f"{_SCHEMAS}File"} if trainer else {"type": "array", "items": {"$ref": f"{_SCHEMAS}File"}}
    schemas = {
        **schema.pop("$defs", {}),
        f"{words}Input": schema,
        f"{words}Output": {"type": "object", "required": [made], "properties": {made: output}},
        "File": _FILE,
    }
    return {
        "openapi": "3.0.4",
        "info": {"title": f"Queue OpenAPI for {endpoint}", "version": "1.0.0"},
        "components": {"schemas": schemas},
        "paths": {
            f"/{endpoint}": {"post": {"requestBody": {"required": True, "content": _json(f"{words}Input")}}},
            f"/{endpoint}/requests/{{request_id}}": {
                "get": {"responses": {"200": {"description": "", "content": _json(f"{words}Output")}}}
            },
        },
        "servers": [{"url": "https://queue.fal.run"}],
    }


def _json(schema: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": _SCHEMAS + schema}}}
