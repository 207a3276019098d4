"""Fields that may be left empty, shown as plain ones: Prefect's forms give null a tab, which says nothing."""

from __future__ import annotations

from typing import Any


def make_plain(properties: dict[str, dict[str, Any]]) -> None:
    """Change the JSON schemas of fields that are of a type or null, and null by default, to those of the type.

    Without a default the form sends nothing for an empty field. One with another default keeps its tab: there null
    is a value of its own.
    """
    for name, field in properties.items():
        kinds = [kind for kind in field.get("anyOf", ()) if kind != {"type": "null"}]
        if len(kinds) == 1 and field.get("default", "") is None:
            kept = {key: item for key, item in field.items() if key not in {"anyOf", "default"}}
            properties[name] = {**kept, **kinds[0]}
