"""How a union of values is shown as a form."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, GetJsonSchemaHandler
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


def discriminated_by(name: str) -> Callable[[dict[str, Any], type[BaseModel]], None]:
    """Make the discriminator the first and a required field, so that each form member sends its own.

    Fields of base classes come last in the form: they say the least about the member.
    """

    def reorder(schema: dict[str, Any], member: type[BaseModel]) -> None:
        schema["required"] = sorted({*schema.get("required", []), name})
        properties = schema["properties"]
        order = [name, *(field for field in _own_first(member) if field != name)]
        schema["properties"] = {field: properties[field] for field in order if field in properties}

    return reorder


def _own_first(member: type[BaseModel]) -> list[str]:
    base = member.__base__
    inherited = _own_first(base) if base is not None and issubclass(base, BaseModel) else []
    return [*(field for field in member.model_fields if field not in inherited), *inherited]
