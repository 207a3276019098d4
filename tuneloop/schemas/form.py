"""How a union of values is shown as a form."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema


class AnyOfSchema:
    """Shows a discriminated union as a plain `anyOf` of titled members.

    Prefect's form cannot switch between members of a schema that has a `discriminator`; pydantic goes on
    validating by it.
    """

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        shown = handler(schema)
        members = shown.pop("oneOf", None)
        shown.pop("discriminator", None)
        if members is not None:
            shown["anyOf"] = members
        return shown


def require_discriminator(name: str) -> Callable[[dict[str, Any]], None]:
    """Put the discriminator among the required fields, so that each form member sends its own."""

    def require(schema: dict[str, Any]) -> None:
        schema["required"] = sorted({*schema.get("required", []), name})

    return require
