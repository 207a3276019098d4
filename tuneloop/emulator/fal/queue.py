"""fal's queue: submit, status, result and cancel, of trainings and images alike.

Sources: queue page and inference API reference (states, 202 and 200, addresses without the end of an endpoint's
name); official Python client 1.0.3 (keys that each state must have); answers of a third party's emulator (400
for a result before its time, which no page describes).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from starlette.responses import JSONResponse, Response

from tuneloop.emulator.calls import Call, accepted
from tuneloop.emulator.clock import iso_utc
from tuneloop.emulator.emulation import Emulation
from tuneloop.emulator.fal import images, results, trainings
from tuneloop.emulator.fal.inference import ENDPOINTS
from tuneloop.emulator.fal.responses import Rejected, answered, failed
from tuneloop.emulator.fal.results import CANCELLED, FAILED, Error
from tuneloop.emulator.fal.trainers import TRAINERS
from tuneloop.emulator.job_views import styled, view
from tuneloop.emulator.jobs import Job
from tuneloop.emulator.tasks import Task

WAITING, RUNNING, DONE = "IN_QUEUE", "IN_PROGRESS", "COMPLETED"
_NOT_FOUND = {"status": "NOT_FOUND"}


@dataclass(frozen=True)
class Entry:
    """One request in the queue."""

    id: str
    endpoint: str
    state: str
    """As it is shown, without the error."""
    error: Error | None
    """None until it has failed."""
    sent: float
    """Epoch seconds."""
    ended: float | None
    sent_input: dict[str, Any]
    of: Job | Task

    @property
    def app(self) -> str:
        return "/".join(self.endpoint.split("/")[:2])


def of_job(job: Job) -> Entry:
    """Return the entry of a training."""
    ended = job.updated if job.status in (DONE, FAILED, CANCELLED) else None
    state = DONE if ended is not None else job.status
    error = results.error_of(job, job.status)
    endpoint, sent = job.request["endpoint"], job.request["sent"]
    return Entry(job.id, endpoint, state, error, job.created, ended, sent, job)


def of_task(emulation: Emulation, task: Task) -> Entry:
    """Return the entry of an image."""
    share = task.share(emulation.clock.now())
    state = DONE if share >= 1 else RUNNING if share >= 0.5 else WAITING
    error = images.error_of(task) if state == DONE else None
    ended = task.ends if state == DONE else None
    return Entry(task.id, task.request["endpoint"], state, error, task.created, ended, task.request["sent"], task)


def submit(call: Call) -> Response:
    """Accept a training or an image."""
    name, webhook = call.path["endpoint"], call.request.query_params.get("fal_webhook")
    _check_length(call)
    if name in TRAINERS:
        request_id = trainings.accept(call, TRAINERS[name], webhook)
    elif name in ENDPOINTS:
        request_id = images.accept(call, ENDPOINTS[name], webhook)
    else:
        raise Rejected(404, f'Application "{name}" not found')
    document = {"status": WAITING, "request_id": request_id, "queue_position": 0, **_urls(call, name, request_id)}
    response = accepted(call.emulation, document, request_id)
    response.headers["x-fal-request-id"] = request_id
    return response


def _check_length(call: Call) -> None:
    most = call.request.query_params.get("fal_max_queue_length", "")
    if not most.isdecimal():
        return
    waiting = sum(job.status == WAITING for job in call.emulation.jobs.all(polled=False))
    if waiting > int(most):
        raise Rejected(429, "The queue is longer than fal_max_queue_length")


def _urls(call: Call, endpoint: str, request_id: str) -> dict[str, str]:
    base = f"{call.base_url}/{'/'.join(endpoint.split('/')[:2])}/requests/{request_id}"
    return {"response_url": base, "status_url": f"{base}/status", "cancel_url": f"{base}/cancel"}


def status(call: Call) -> Response:
    """Say how far a request is: 202 until it is done, then 200."""
    entry, emulation = _entry(call, polled=True), call.emulation
    if entry is None:
        return JSONResponse(_NOT_FOUND, 404)
    document: dict[str, Any] = {
        "status": entry.state,
        "request_id": entry.id,
        **_urls(call, entry.endpoint, entry.id),
    }
    if entry.state == WAITING:
        document["queue_position"] = 0
    else:
        wanted = call.request.query_params.get("logs", "").lower() in ("1", "true")
        document["logs"] = _logs(entry) if wanted else None
    if entry.ended is not None:
        document["metrics"] = {"inference_time": round(entry.ended - entry.sent, 3)}
    if entry.error is not None:
        document |= {"error": entry.error.text, "error_type": entry.error.error_type}
    if isinstance(entry.of, Job):
        document = view(emulation, entry.of, document)
    else:
        document["status"] = styled(emulation, entry.state)
    return answered(document, entry.id, 200 if entry.state == DONE else 202)


def _logs(entry: Entry) -> list[dict[str, Any]]:
    text = entry.error.text if entry.error else f"{entry.endpoint}: {entry.state}"
    level = "ERROR" if entry.error else "INFO"
    return [{"message": text, "timestamp": iso_utc(entry.ended or entry.sent), "level": level, "source": "USER"}]


def result(call: Call) -> Response:
    """Send the output of a request, or the error it has failed with."""
    entry, emulation = _entry(call, polled=False), call.emulation
    if entry is None:
        return JSONResponse(_NOT_FOUND, 404)
    if entry.state != DONE:
        return failed(400, "Request is still in progress", request_id=entry.id)
    if entry.error is not None:
        response = answered(entry.error.body, entry.id, entry.error.status)
        if entry.error.error_type is not None:
            response.headers["x-fal-error-type"] = entry.error.error_type
        return response
    return answered(output(emulation, entry, call.base_url), entry.id)


def output(emulation: Emulation, entry: Entry, base_url: str) -> dict[str, Any]:
    """Return what a request that is done has made."""
    if isinstance(entry.of, Job):
        return view(emulation, entry.of, results.result_of(entry.of, base_url))
    return images.output(emulation, entry.of, base_url)


def cancel(call: Call) -> Response:
    """Cancel a request; one that runs is asked to end and may go on, as a switch says."""
    entry, emulation = _entry(call, polled=False), call.emulation
    if entry is None:
        return JSONResponse(_NOT_FOUND, 404)
    if entry.state == DONE:
        return answered({"status": "ALREADY_COMPLETED"}, entry.id, 400)
    ends: Callable[[str, str], None] = emulation.tasks.end
    reason = "client_cancelled"
    if isinstance(entry.of, Job):
        ends, reason = emulation.jobs.fail, CANCELLED
    if entry.state == WAITING or emulation.switches.now.cancels == "all":
        ends(entry.id, reason)
    return answered({"status": "CANCELLATION_REQUESTED"}, entry.id, 202)


def _entry(call: Call, *, polled: bool) -> Entry | None:
    """Return the request of a path, which names its app without the end of its endpoint."""
    emulation, request_id = call.emulation, call.path["id"]
    job, task = emulation.jobs.find(request_id, polled=polled), emulation.tasks.find(request_id)
    found = of_job(job) if job else of_task(emulation, task) if task else None
    return found if found is not None and call.path["app"] == found.app else None
