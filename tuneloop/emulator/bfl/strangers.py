"""Odd entries of foreign trainings in BFL's list of ids, and what is said of them when somebody asks."""

from typing import Any

from tuneloop.emulator import strangers
from tuneloop.emulator.emulation import Emulation

_IN_THE_LIST: dict[str, Any] = {"integer id": 4711, "no id": None, "no object": {"id": "deleted"}}
_DETAILS: dict[str, Any] = {
    "finetune_comment": "somebody's model",
    "trigger_word": "TOK",
    "mode": "general",
    "iterations": 300,
    "learning_rate": 1e-5,
    "captioning": True,
    "priority": "quality",
    "finetune_type": "full",
    "lora_rank": 32,
    "timestamp": "2025-01-01T00:00:00Z",
}
_CHANGED: dict[str, dict[str, Any]] = {
    "null name": {"finetune_comment": None},
    "number for a name": {"finetune_comment": 17},
    "nulls": dict.fromkeys(_DETAILS) | {"owner": None},
}


def ids(emulation: Emulation) -> list[Any]:
    """Return the entries that a switch asks for."""
    return [_IN_THE_LIST.get(kind, _id(kind)) for kind in _chosen(emulation)]


def details(emulation: Emulation, finetune_id: str) -> dict[str, Any] | None:
    """Return the parameters of a stranger's training, None for any other."""
    kind = _kind(emulation, finetune_id)
    return None if kind is None else _DETAILS | _CHANGED.get(kind, {})


def result(emulation: Emulation, task_id: str) -> dict[str, Any] | None:
    """Return the state of a stranger's training, None for any other."""
    kind = _kind(emulation, task_id)
    if kind is None:
        return None
    status: Any = None if kind in ("null status", "nulls") else "Ready"
    said: Any = ["CUDA out of memory", {"step": 12}] if kind == "error list" else None
    return {"id": task_id, "status": status, "result": None, "progress": None, "details": said}


def _chosen(emulation: Emulation) -> tuple[str, ...]:
    return strangers.kinds(emulation.switches.now.strangers)


def _id(kind: str) -> str:
    return f"00000000-0000-4000-8000-{strangers.KINDS.index(kind):012}"


def _kind(emulation: Emulation, job_id: str) -> str | None:
    found = {str(_IN_THE_LIST.get(kind, _id(kind))): kind for kind in _chosen(emulation)}
    return found.get(job_id)
