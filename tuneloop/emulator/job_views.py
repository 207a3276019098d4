"""How jobs appear in lists and details: also incomplete, renamed, or in statuses nobody documented."""

from typing import Any

from tuneloop.emulator.emulation import Emulation
from tuneloop.emulator.jobs import Job
from tuneloop.emulator.switches import Switches

_NAMES = ("name", "finetune_comment")
_SHORT = 12


def listed(emulation: Emulation) -> list[Job]:
    """Return the jobs a list shows now, oldest first; this counts as a poll of them."""
    switches = emulation.switches.now
    seen_until = emulation.clock.now() - switches.list_lag_s
    with emulation.state.transaction():
        shown = [
            job.id
            for job in emulation.jobs.all(polled=False)
            if job.created <= seen_until and not {"unlisted", "deleted"} & set(job.marks)
        ]
        shown = shown[: max(0, len(shown) - switches.list_short_by)][-switches.list_page :]
        jobs = emulation.jobs.all(polled=True, only=set(shown))
        return [job for job in jobs for _ in range(switches.list_copies)]


def view(emulation: Emulation, job: Job, document: dict[str, Any]) -> dict[str, Any]:
    """Return what goes out in place of the documented fields of a job."""
    usual = {name: _usual(emulation, job, name, value) for name, value in document.items()}
    changed = {name: value for name, value in job.overrides.items() if name in document}
    hidden = {*job.hidden, *(_NAMES if emulation.switches.now.shown_name == "missing" else ())}
    return {name: value for name, value in (usual | changed).items() if name not in hidden}


def json_id(job_id: str) -> str | int:
    """Return an id as JSON holds it: a number, where the provider counts."""
    return int(job_id) if job_id.isdecimal() else job_id


def styled(emulation: Emulation, status: str) -> str:
    """Return a status in the letters, or in the foreign words, that a switch asks for."""
    style = emulation.switches.now.status_words
    if style == "capitalised":
        return status.replace("_", " ").capitalize()
    if style == "lower case":
        return status.lower()
    if style == "spaced":
        return f" {status} "
    return emulation.provider.foreign_statuses.get(status, status) if style == "foreign" else status


def _usual(emulation: Emulation, job: Job, name: str, value: Any) -> Any:
    switches = emulation.switches.now
    if name == "status":
        return styled(emulation, value)
    if name in _NAMES:
        late = emulation.clock.now() < job.created + switches.name_lag_s
        return None if late else _renamed(job, switches)
    return json_id(job.id) if value == job.id else value


def _renamed(job: Job, switches: Switches) -> str | None:
    forms: dict[str, str | None] = {
        "as sent": job.name,
        "missing": job.name,
        "null": None,
        "empty": "",
        "upper case": job.name.upper(),
        "cut short": job.name[:_SHORT],
        "with id": f"{job.name}-{job.id[:8]}",
        "spaced": f" {job.name} ",
    }
    return forms[switches.shown_name]
