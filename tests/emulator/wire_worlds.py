"""Accounts to play the documented exchanges against: what the placeholders of the requests stand for."""

import base64
import io
from collections.abc import Callable

from tests.emulator.bfl_caller import BflCaller, changed_zip, folder_zip
from tests.emulator.fal_caller import FLUX, FalCaller
from tests.emulator.replicate_caller import ReplicateCaller
from tests.emulator.segmind_caller import Caller, dataset, pairs, portrait
from tuneloop.emulator import EmulatorControl, Progress

NEVER = Progress.after_seconds(1e9)


def segmind(emulator: EmulatorControl, theme: str, public: str) -> dict[str, str]:
    """An account with trainings of one theme; `public` is the origin of the customer's web server."""
    caller = Caller(emulator)
    available = caller.train(theme=theme)
    queue_only = caller.train(theme=theme)
    emulator.need_queue(queue_only)
    values = {
        "available_id": available,
        "queue_only_id": queue_only,
        "slug": caller.details(available)["slug"],
        "weights_url": caller.details(available)["cloud_storage_url"],
        "expired_download_url": caller.weights_link(available),
        "expired_put_url": caller.place()["presigned_url"],
    }
    emulator.advance(3601)
    if theme != "KONTEXT":
        values |= _tasks(emulator, "CUDA out of memory", lambda: str(caller.queued(available)["request_id"]))
    emulator.progress(Progress.after_seconds(INFERENCE_QUEUED=1e9))
    deploying = caller.train(theme=theme)
    caller.details(deploying)
    emulator.progress(NEVER)
    fresh, empty = caller.place(), caller.place()
    return values | {
        "api_key": emulator.api_key,
        "deploying_id": deploying,
        "young_id": caller.train(name="young", theme=theme),
        "uploaded_url": caller.upload(pairs() if theme == "KONTEXT" else None),
        "put_url": fresh["presigned_url"],
        "unsigned_put_url": fresh["s3_url"],
        "forged_put_url": empty["s3_url"] + "?" + fresh["presigned_url"].partition("?")[2],
        "empty_url": empty["s3_url"],
        "download_url": caller.weights_link(available),
        "public_url": f"{public}/set.zip",
        "public_url_without_head": f"{public}/no-head.zip",
        "image": base64.b64encode(portrait()).decode(),
        "image_url": f"{public}/before.png",
    }


def bfl(emulator: EmulatorControl) -> dict[str, str]:
    """An account of BFL with trainings and images in every state."""
    caller = BflCaller(emulator)
    available, deleted, unlucky = caller.train(), caller.train(), caller.train(images=21)
    emulator.switch(image_s=0)
    expired = caller.sample(available)
    emulator.advance(601)
    values = _tasks(emulator, "Content Moderated", lambda: caller.image(available))
    values["sample_url"] = caller.sample(available)
    emulator.reset_switches()
    emulator.progress(NEVER)
    young, broken = caller.train(), caller.train()
    emulator.fail_job(broken, "Internal error")
    return values | {
        "api_key": emulator.api_key,
        "available_id": available,
        "delete_id": deleted,
        "moderated_id": unlucky,
        "young_id": young,
        "broken_id": broken,
        "expired_sample_url": expired,
        "file_data": base64.b64encode(caller.archive()).decode(),
        "folder_data": base64.b64encode(folder_zip()).decode(),
        "nested_data": base64.b64encode(changed_zip("more.zip", dataset(1))).decode(),
    }


def fal(emulator: EmulatorControl) -> dict[str, str]:
    """An account of fal with trainings and images in every state."""
    caller = FalCaller(emulator)
    zip_url, pairs_url = caller.upload(), caller.upload(pairs())
    inputs: dict[str, tuple[str, dict[str, str]]] = {
        "ready_id": (FLUX, {"images_data_url": zip_url}),
        "edit_id": (
            "fal-ai/flux-2-trainer/edit",
            {"image_data_url": pairs_url, "default_caption": "give it a hat"},
        ),
        "krea_id": ("krea/v3/trainer", {"training_data_url": zip_url, "trigger_phrase": "HRBR"}),
        "klein_3_id": ("blackforestlabs/flux-3/klein/base/trainer", {"images_data_url": zip_url}),
    }
    requests = {name: caller.call("POST", path, json=body).json() for name, (path, body) in inputs.items()}
    for accepted in requests.values():
        caller.status(accepted)
    weights = caller.weights(requests["ready_id"])
    emulator.switch(image_s=0)
    requests["image_id"] = caller.draw(weights)
    emulator.progress(Progress.after_seconds(IN_QUEUE=0, IN_PROGRESS=1e9))
    requests["running_id"] = caller.train()
    caller.status(requests["running_id"])
    emulator.progress(NEVER)
    requests |= {name: caller.train() for name in ("waiting_id", "cancel_id", "failed_id")}
    emulator.fail_job(requests["failed_id"]["request_id"], "runner_disconnected")
    body = {"file_name": "large.zip", "content_type": "application/zip"}
    parts = caller.call("POST", "storage/upload/initiate-multipart?storage_type=fal-cdn-v3", json=body).json()
    return {name: accepted["request_id"] for name, accepted in requests.items()} | {
        "api_key": emulator.api_key,
        "zip_url": zip_url,
        "pairs_url": pairs_url,
        "weights_url": weights,
        "part_url": f"{parts['upload_url']}/1",
        "part": "any bytes",
        "image_url": "data:image/png;base64," + base64.b64encode(portrait()).decode(),
    }


def replicate(emulator: EmulatorControl) -> dict[str, str]:
    """An account of Replicate with a training that has succeeded, an image by it, and one that runs."""
    caller = ReplicateCaller(emulator)
    caller.destination()
    file = caller.client.files.create(io.BytesIO(dataset()), filename="a.zip")
    done = caller.client.trainings.get(caller.train().id)
    version = str((done.output or {})["version"]).rpartition(":")[2]
    emulator.switch(image_s=0)
    image = caller.client.predictions.create(version=version, input={"prompt": "TOK"})
    emulator.progress(NEVER)
    return {
        "api_key": emulator.api_key,
        "file_id": file.id,
        "file_url": file.urls["get"],
        "done_id": done.id,
        "cancel_id": caller.train().id,
        "version": version,
        "image_id": image.id,
    }


def _tasks(emulator: EmulatorControl, failure: str, accept: Callable[[], str]) -> dict[str, str]:
    emulator.switch(image_s=0)
    finished = accept()
    emulator.switch(images_fail=failure)
    failed = accept()
    emulator.switch(image_s=1e9, images_fail="")
    waiting = accept()
    emulator.switch(image_s=0)
    return {"finished_task": finished, "failed_task": failed, "waiting_task": waiting}
