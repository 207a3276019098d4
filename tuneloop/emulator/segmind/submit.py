"""POST /finetune/request/submit: the acceptance of a training.

Sources: Segmind: Flux, Flux Kontext and Qwen fine-tuning pages. A dataset lies at a URL that was given out
for an upload, or at a public one that answers HEAD and GET with Content-Length. The public file is read at
once, though the provider may well read it later.
"""

import uuid
from typing import Any

from starlette.background import BackgroundTask
from starlette.responses import JSONResponse, Response

from tuneloop.emulator import dataset_pairs, dataset_zip
from tuneloop.emulator.emulation import Emulation
from tuneloop.emulator.public_file import NotPublic, fetch
from tuneloop.emulator.segmind.answers import submitted
from tuneloop.emulator.segmind.fields import Field, check, text
from tuneloop.emulator.segmind.refusals import Refused
from tuneloop.emulator.segmind.trainers import THEMES, theme_of

_BILLED = ("base_model", "theme", "machine_type", "data_source_path", "advance_parameters")
_PUBLIC = "public-datasets"
"""Bucket of what was read from public URLs."""
_PAIR = {"base_model": text(), "theme": text()}
_DEFAULT_THEME = "FLUX"
"""Of the base model of the same name."""
_PARAMETERS = Field((dict,), "an object", required=False)


def submit(emulation: Emulation, body: dict[str, Any], origin: str) -> Response:
    """Accept a training: one job and one entry in the billing ledger, together.

    Webhooks tell of it under `origin`, and not before the answer is out.

    Raises:
        Refused: for a body the theme's page does not allow, or a dataset that is not there.
    """
    request = _checked(body)
    key = _dataset(emulation, request["data_source_path"])
    archive = emulation.objects.path(key)
    pairs = theme_of(request).learns_edits
    doom = dataset_pairs.complaint(archive) if pairs else dataset_zip.complaint(archive)
    with emulation.state.transaction():
        job_id = emulation.new_id()
        if emulation.switches.now.two_ids:
            request["finetune_id"] = str(uuid.uuid4())
        emulation.accept(job_id, request["name"], request, key, doom)
        summary = {field: request[field] for field in _BILLED}
        emulation.billing.record(job_id, "training", request["name"], summary)
        emulation.webhooks.follow(job_id, origin=origin)
    emulation.webhooks.before_answer(job_id)
    return JSONResponse(submitted(job_id, request), background=BackgroundTask(emulation.webhooks.answered, job_id))


def _checked(body: dict[str, Any]) -> dict[str, Any]:
    """Return the request with its optional fields filled in."""
    if body.get("base_model") == _DEFAULT_THEME:
        body = {"theme": _DEFAULT_THEME, **body}
    pair = (body.get("base_model"), body.get("theme"))
    check({field: body[field] for field in ("base_model", "theme") if field in body}, _PAIR)
    theme = THEMES.get((str(pair[0]), str(pair[1])))
    if theme is None:
        raise Refused(406, f"base_model {pair[0]} has no theme {pair[1]}")
    check(body, theme.fields | _PAIR | {"advance_parameters": _PARAMETERS})
    parameters = body.get("advance_parameters", {})
    check(parameters, theme.parameters, where="advance_parameters.", others=theme.any_parameters)
    return {"segmind_public": False, **body, "advance_parameters": parameters}


def _dataset(emulation: Emulation, url: str) -> str:
    """Return the key of a dataset in the object store, where a public one is put first."""
    key = emulation.objects.key_of(url)
    if key is None:
        return _fetched(emulation, url)
    if emulation.objects.find(key) is None:
        raise Refused(400, "data_source_path has no file: nothing has been uploaded there")
    return key


def _fetched(emulation: Emulation, url: str) -> str:
    incoming = emulation.objects.begin()
    try:
        fetch(url, incoming.write)
    except NotPublic as reason:
        incoming.drop()
        raise Refused(
            400,
            f"data_source_path {reason}: it must be a URL given out for an upload, or a public one that answers"
            " HEAD and GET with Content-Length",
        ) from None
    key = f"{_PUBLIC}/{uuid.uuid4()}.zip"
    emulation.objects.keep(incoming, key)
    return key
