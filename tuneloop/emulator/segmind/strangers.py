"""Odd rows of foreign jobs in Segmind's list."""

from typing import Any

from tuneloop.emulator import strangers
from tuneloop.emulator.emulation import Emulation

_IDS = ("id", "finetune_id")
_ROW: dict[str, Any] = {
    "id": "",
    "data_source_path": "https://example.com/set.zip",
    "name": "",
    "status": "AVAILABLE",
    "error_message": None,
    "segmind_model_path": None,
    "advance_parameters": {"theme": "FLUX", "prompt": "TOK"},
    "segmind_public_model": False,
    "train_type": "LORA",
    "source_type": "AWS_S3",
    "base_model": "FLUX",
    "theme": "FLUX",
    "cloud_storage_url": None,
    "finetune_id": "",
    "model_information": {},
}


def rows(emulation: Emulation) -> list[Any]:
    """Return the rows that a switch asks for."""
    return [_row(kind) for kind in strangers.kinds(emulation.switches.now.strangers)]


def _row(kind: str) -> Any:
    number = strangers.KINDS.index(kind)
    row_id = f"00000000-0000-4000-8000-{number:012}"
    row = _ROW | {"name": f"somebody's model {number}"} | dict.fromkeys(_IDS, row_id)
    if kind == "integer id":
        return row | dict.fromkeys(_IDS, number + 4711)
    if kind == "no id":
        return {name: value for name, value in row.items() if name not in _IDS}
    if kind == "nulls":
        return dict.fromkeys(row) | dict.fromkeys(_IDS, row_id) | {"owner": None, "tags": None}
    changed: dict[str, dict[str, Any]] = {
        "null name": {"name": None},
        "number for a name": {"name": 17},
        "null status": {"status": None},
        "error list": {"status": "FAILED", "error_message": ["CUDA out of memory", {"step": 12}]},
    }
    return row | changed[kind] if kind in changed else "deleted"
