"""Replicate's models: the public ones that are trained on, and the customer's own, which get the versions.

Sources: Replicate's OpenAPI document of March 2026 (routes, fields, 1,000 models for an account); reports of other
clients (409 for a name that is taken). Which hardware is listed beyond its example is not published there: the
names are those of its pricing page. Anybody else's models are unknown here.
"""

from dataclasses import dataclass
from typing import Any

from starlette.responses import JSONResponse, Response

from tuneloop.emulator.calls import Call
from tuneloop.emulator.clock import iso_utc
from tuneloop.emulator.emulation import Emulation
from tuneloop.emulator.jobs import Job
from tuneloop.emulator.replicate.fields import OWNER, NewModel
from tuneloop.emulator.replicate.ids import version_of
from tuneloop.emulator.replicate.inputs import TRAINERS
from tuneloop.emulator.replicate.responses import Rejected, not_found
from tuneloop.emulator.state import Table

_HARDWARE = {
    "cpu": "CPU",
    "gpu-t4": "Nvidia T4 GPU",
    "gpu-l40s": "Nvidia L40S GPU",
    "gpu-a100-large": "Nvidia A100 (80GB) GPU",
    "gpu-h100": "Nvidia H100 GPU",
}
_MAX_MODELS = 1000


@dataclass(frozen=True)
class OwnModel:
    """One model of the customer's."""

    name: str
    """OWNER/NAME."""
    visibility: str
    description: str | None
    created: float


def _table(emulation: Emulation) -> Table[OwnModel]:
    return Table(emulation.state, OwnModel)


def account(_: Call) -> dict[str, Any]:
    """Say whose token it is."""
    return {
        "type": "user",
        "username": OWNER,
        "name": "Tuneloop tests",
        "github_url": f"https://github.com/{OWNER}",
    }


def hardware(_: Call) -> list[dict[str, str]]:
    """Return what a model may run on."""
    return [{"name": name, "sku": sku} for sku, name in _HARDWARE.items()]


def create(call: Call) -> Response:
    """Make a model of the customer's; it has no version yet."""
    emulation = call.emulation
    body: NewModel = call.fields
    if body.owner != OWNER:
        raise Rejected(403, "You do not have permission to create models for this owner.")
    if body.hardware not in _HARDWARE:
        raise Rejected(
            422, f"- hardware: {body.hardware} is not one of {', '.join(_HARDWARE)}\n", "Invalid hardware"
        )
    name = f"{body.owner}/{body.name}"
    with emulation.state.transaction():
        if exists(emulation, name):
            raise Rejected(409, "A model with that name and owner already exists")
        if len(_table(emulation)) >= _MAX_MODELS:
            raise Rejected(403, "The account has 1,000 models, which is the most that it can have.")
        model = OwnModel(name, body.visibility, body.description, emulation.clock.now())
        _table(emulation).add(name, model)
    return JSONResponse(_shown(emulation, model), 201)


def exists(emulation: Emulation, name: str) -> bool:
    """Whether the customer has this model."""
    return _table(emulation).find(name) is not None


def get(call: Call) -> dict[str, Any]:
    """Show a model."""
    name = _name(call)
    model = _table(call.emulation).find(name)
    if model is None and name in TRAINERS:
        model = OwnModel(name, "public", None, 0.0)
    if model is None:
        raise not_found()
    return _shown(call.emulation, model)


def versions(call: Call) -> dict[str, Any]:
    """Return every version of a model, the newest first; they fit on one page."""
    get(call)
    return {"next": None, "previous": None, "results": _versions(call.emulation, _name(call))}


def version(call: Call) -> dict[str, Any]:
    """Show one version of a model."""
    get(call)
    for shown in _versions(call.emulation, _name(call)):
        if shown["id"] == call.path["version"]:
            return shown
    raise not_found()


def trained(emulation: Emulation, version_id: str) -> Job | None:
    """Return the training that made a version."""
    jobs = emulation.jobs.all(polled=False)
    return next((job for job in jobs if job.status == "succeeded" and version_of(job.id) == version_id), None)


def _name(call: Call) -> str:
    return f"{call.path['owner']}/{call.path['name']}"


def _versions(emulation: Emulation, name: str) -> list[dict[str, Any]]:
    if name in TRAINERS:
        trainer = TRAINERS[name]
        training, image = trainer.training.model_json_schema(), trainer.image.model_json_schema()
        return [_version(trainer.version, 0.0, TrainingInput=training, Input=image)]
    made = [
        _version(version_of(job.id), job.updated, Input=TRAINERS[job.request["model"]].image.model_json_schema())
        for job in emulation.jobs.all(polled=False)
        if job.status == "succeeded" and job.request["destination"] == name
    ]
    return made[::-1]


def _version(version_id: str, created: float, **schemas: Any) -> dict[str, Any]:
    schema = {"openapi": "3.0.2", "components": {"schemas": schemas}}
    return {"id": version_id, "created_at": iso_utc(created), "cog_version": "0.9.20", "openapi_schema": schema}


def _shown(emulation: Emulation, model: OwnModel) -> dict[str, Any]:
    owner, _, name = model.name.partition("/")
    return {
        "url": f"https://replicate.com/{model.name}",
        "owner": owner,
        "name": name,
        "description": model.description,
        "visibility": model.visibility,
        "github_url": None,
        "paper_url": None,
        "license_url": None,
        "run_count": 0,
        "cover_image_url": None,
        "default_example": None,
        "latest_version": next(iter(_versions(emulation, model.name)), None),
        "is_official": False,
    }
