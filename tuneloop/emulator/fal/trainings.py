"""fal's trainings: what is accepted, the ZIP that is read, and what it fails for.

Sources: OpenAPI documents of its trainers (captions: a text file of the same stem, else `default_caption`, else
the training fails; pairs: ROOT_start.EXT and ROOT_end.EXT with an optional ROOT.txt, further images before the
edit as ROOT_start2.EXT); fal has no name for a job, so here it is the name of its ZIP. Whether images in a
folder are found is not published: here they are not. Nor is the text of any of these errors.
"""

import base64
import re
import zipfile
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from tuneloop.emulator.archives import UNREADABLE_ERRORS, image_names, is_damaged, pair_names
from tuneloop.emulator.calls import Call
from tuneloop.emulator.deliveries import Subscription
from tuneloop.emulator.emulation import Emulation
from tuneloop.emulator.fal import webhooks
from tuneloop.emulator.fal.fields import checked
from tuneloop.emulator.fal.responses import Invalid, Rejected
from tuneloop.emulator.fal.results import MEDIA, weights_bytes
from tuneloop.emulator.fal.trainers import Trainer
from tuneloop.emulator.outgoing import NotPublic, fetch

_MORE_STARTS = re.compile(r"(?P<root>.+)_start(?P<number>[2-9])\.(jpe?g|png|webp)", re.IGNORECASE)
_USUAL_STEPS = 1000
"""Where a trainer names no default."""


def accept(call: Call, trainer: Trainer, webhook: str | None) -> str:
    """Accept a training and return its id."""
    emulation, sent = call.emulation, call.fields
    if trainer.retired or trainer.endpoint in emulation.switches.now.retired:
        raise Rejected(404, f'Application "{trainer.endpoint}" not found')
    fields, detail = checked(trainer.input, sent)
    if detail and emulation.switches.now.checks_input == "at submit":
        raise Invalid(detail)
    values = fields.model_dump(mode="json") if fields else {}
    url = values.pop(trainer.zip_field, "")
    job_id = emulation.new_id()
    key = f"{MEDIA}/{job_id}/dataset.zip"
    failure = detail[0]["msg"] if detail else None
    if failure is None:
        key, failure = _read(emulation, url, key)
    failure = failure or dataset_failure(emulation.objects.path(key), trainer, values.get("default_caption"))
    request = {
        "endpoint": trainer.endpoint,
        "input": values,
        "sent": sent,
        "detail": detail,
        "file_size": weights_bytes(emulation, trainer.endpoint),
    }
    subscription = Subscription(job_id, call.base_url, url=webhook, secret=webhooks.SECRET)
    billed = {"endpoint": trainer.endpoint, **_priced(trainer, values)}
    emulation.accept(subscription, _name(url), request, key, failure, billed)
    return job_id


def _priced(trainer: Trainer, values: dict[str, Any]) -> dict[str, Any]:
    steps = int(values.get(trainer.steps_field) or _USUAL_STEPS)
    if trainer.usd_per_step is None:
        return {"steps": steps}
    return {"steps": steps, "price_usd": trainer.usd_per_step * max(steps, trainer.least_steps)}


def _name(url: str) -> str:
    """Return the name of the file at a URL, without its ending."""
    return PurePosixPath(urlsplit(url).path).name.removesuffix(".zip") if "://" in url else ""


def _read(emulation: Emulation, url: str, key: str) -> tuple[str, str | None]:
    """Return the key of a dataset in the object store, and why there is none."""
    own = emulation.objects.key_of(url)
    if own is not None:
        missing = emulation.objects.find(own) is None
        return own, "Failed to download the file" if missing else None
    incoming = emulation.objects.begin()
    try:
        if url.startswith("data:"):
            incoming.write(base64.b64decode(url.partition("base64,")[2], validate=True))
        else:
            fetch(url, incoming.write, head=False)
    except (NotPublic, ValueError):
        incoming.drop()
        return key, "Failed to download the file"
    emulation.objects.keep(incoming, key)
    return key, None


def dataset_failure(archive: Path, trainer: Trainer, default_caption: str | None) -> str | None:
    """Return the error a training on this archive fails with, None for a good one."""
    try:
        with zipfile.ZipFile(archive) as opened:
            images = [name for name in image_names(opened) if "/" not in name]
            if not images:
                return "No images found in the archive"
            roots = [PurePosixPath(name).stem for name in images]
            if trainer.images_of_pair:
                paired = pair_names(opened)
                roots = [start.rpartition("_")[0] for start, _ in paired]
                alone = set(images) - {name for pair in paired for name in pair}
                alone -= {name for name in alone if _is_reference(name, roots, trainer.images_of_pair)}
                if alone:
                    return f"{min(alone)} belongs to no pair of ROOT_start and ROOT_end"
            captions = {name.removesuffix(".txt") for name in opened.namelist() if name.endswith(".txt")}
            bare = [root for root in roots if root not in captions]
            if bare and trainer.needs_captions and default_caption is None:
                return f"No caption for {bare[0]}, and no default_caption"
            return "An image could not be read" if is_damaged(opened, images) else None
    except UNREADABLE_ERRORS:
        return "The archive could not be read"


def _is_reference(name: str, roots: list[str], most: int) -> bool:
    match = _MORE_STARTS.fullmatch(name)
    return match is not None and match["root"] in roots and int(match["number"]) <= most
