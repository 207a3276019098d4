"""Read the deployment files and reject what Prefect would accept in silence.

Prefect takes misspelt keys and unknown parameters without a word, and stops half-way at the first bad entry.
So every file is checked whole before any is deployed.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import yaml
from prefect import Flow
from prefect.client.schemas.schedules import CronSchedule
from prefect.exceptions import ParameterTypeError, SignatureMismatchError
from prefect.logging.loggers import disable_logger
from pydantic import ValidationError

from tuneloop.errors import ConfigurationError
from tuneloop.project.layer import MODEL_FILES, OPERATOR_FILE, import_from_project, shipped
from tuneloop.settings import Settings

Key = tuple[str, str]
"""Entrypoint and name of a deployment."""
SAMPLE = shipped() / MODEL_FILES / "examples" / "sample-robot.yaml"
"""An example to copy; only the demo and tests deploy it."""

_FILE_KEYS = {"name", "prefect-version", "build", "push", "pull", "definitions", "deployments"}
_DEPLOYMENT_KEYS = {
    "name",
    "entrypoint",
    "description",
    "parameters",
    "schedules",
    "work_pool",
    "tags",
    "version",
    "concurrency_limit",
    "enforce_parameter_schema",
}
_SCHEDULE_KEYS = {"cron", "interval", "rrule", "timezone", "slug", "active", "parameters", "day_or", "anchor_date"}
_STORE = "TUNELOOP_STORE"
_VARIABLE = re.compile(r"\{\{\s*\$([A-Za-z_]\w*)\s*\}\}")


def deployment_files(project: Path) -> list[Path]:
    """Every deployment file of a project. Raises `ConfigurationError` where the folder is none."""
    operator = project / OPERATOR_FILE
    if not operator.is_file():
        raise ConfigurationError(
            f"there is no {OPERATOR_FILE} here; run this in a project, or make one with `tuneloop init`"
        )
    return [operator, *sorted(file for file in (project / MODEL_FILES).glob("*.yaml") if not _is_compose(file))]


def _is_compose(file: Path) -> bool:
    """Whether a file is Docker Compose's, which a checkout has beside those of models."""
    return file.name == "compose.yaml" and re.search(rb"^services:", file.read_bytes(), re.MULTILINE) is not None


def set_default_store() -> None:
    """Set the variable by which files name the installation's own store, where nobody has."""
    os.environ.setdefault(_STORE, Settings().store)


def check_files(files: list[Path]) -> list[str]:
    """Check the files of a project, each and together. Returns problems as `check_file` does."""
    return [problem for file in files for problem in check_file(file)] or named_twice(files)


def check_file(path: Path) -> list[str]:
    """Check one file. Returns problems, each naming the file, the place, the reason and the remedy."""
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        return [f"{path}: cannot be read: {error.strerror}"]
    except (UnicodeError, yaml.YAMLError) as error:
        return [f"{path}: cannot be read as YAML: {error}"]
    if not isinstance(document, dict) or not isinstance(document.get("deployments"), list):
        return [f"{path}: has no list `deployments`"]
    problems = _unknown(str(path), document, _FILE_KEYS)
    for number, entry in enumerate(document["deployments"], 1):
        place = f"{path}, deployment {number}"
        if isinstance(entry, dict):
            problems += _check_deployment(f"{place} ({entry.get('name', 'without a name')})", entry)
        else:
            problems.append(f"{place}: should be a mapping")
    return problems


def _check_deployment(place: str, entry: dict[str, Any]) -> list[str]:
    problems = _unknown(place, entry, _DEPLOYMENT_KEYS)
    problems += [f"{place}: `{key}` is missing" for key in ("name", "entrypoint", "work_pool") if key not in entry]
    schedules = entry.get("schedules") or []
    if not isinstance(schedules, list):
        return [*problems, f"{place}: `schedules` should be a list; put a - before each schedule"]
    for schedule in schedules:
        problems += _check_schedule(f"{place}, schedule", schedule)
    if "entrypoint" in entry:
        problems += _check_parameters(place, str(entry["entrypoint"]), _parameter_sets(entry))
    return problems


def _parameter_sets(entry: dict[str, Any]) -> dict[str, Any]:
    """The parameters that a deployment may be started with by itself, by what they are called."""
    schedules, base = entry.get("schedules") or [], entry.get("parameters") or {}
    # Without schedules and parameters it is started by hand, and its form asks for everything.
    sets = {"parameters": base} if base or schedules else {}
    for number, schedule in enumerate(schedules, 1):
        own = schedule.get("parameters") if isinstance(schedule, dict) else None
        if own and isinstance(base, dict):
            sets[f"parameters of schedule {number}"] = {**base, **own} if isinstance(own, dict) else own
    return sets


def entries_of(path: Path) -> dict[Key, dict[str, Any]]:
    """The deployments of a file without problems."""
    return {(str(entry["entrypoint"]), str(entry["name"])): entry for entry in _entries(path)}


def _entries(path: Path) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = yaml.safe_load(path.read_text(encoding="utf-8"))["deployments"]
    return entries


def named_blocks(entry: dict[str, Any]) -> set[tuple[str, str | None]]:
    """Every store that a deployment names, each with the accounts that train into it, if any."""
    named: set[tuple[str, str | None]] = set()
    for values in _parameter_sets(entry).values():
        filled = flow_of(entry["entrypoint"]).validate_parameters(resolved(values))
        stores = [*filled.get("stores", ()), *filter(None, [filled.get("store")])]
        fallback = filled.get("fallback")
        accounts = {filled.get("credentials"), *([fallback.account] if fallback else ())}
        named |= {(slug, account) for slug in stores for account in accounts}
    return named


def named_twice(files: list[Path]) -> list[str]:
    """Deployments of one name in files without other problems: the last one would silently replace the others."""
    first: dict[Key, Path] = {}
    problems = []
    for file in files:
        for entry in _entries(file):
            key = str(entry["entrypoint"]), str(entry["name"])
            if key in first:
                problems.append(f"{file}: {key[1]} is in {first[key]} already; give one of them another name")
            first.setdefault(key, file)
    return problems


def _check_schedule(place: str, schedule: Any) -> list[str]:
    problems = _unknown(place, schedule, _SCHEDULE_KEYS)
    if not isinstance(schedule, dict):
        return problems
    if not {"cron", "interval", "rrule"} & set(schedule):
        problems.append(f"{place}: needs one of cron, interval, rrule")
    if "cron" in schedule and not schedule.get("timezone"):
        problems.append(f"{place}: a cron needs a `timezone`, such as Europe/Berlin")
    elif "cron" in schedule:
        try:
            CronSchedule(cron=schedule["cron"], timezone=schedule["timezone"])
        except ValidationError as error:
            problems += [f"{place}: {item['loc'][0]}: {item['msg']}" for item in error.errors()]
    return problems


def _check_parameters(place: str, entrypoint: str, sets: dict[str, Any]) -> list[str]:
    """Validate every set of parameters against the flow's own signature."""
    try:
        flow = flow_of(entrypoint)
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        return [f"{place}: entrypoint {entrypoint} cannot be loaded: {error}"]
    problems = []
    for what, values in sets.items():
        if not isinstance(values, dict):
            problems.append(f"{place}, {what}: should be a mapping")
            continue
        problems += [
            f"{place}, {what}: the environment variable {name} is not set; set it, or write the value itself"
            for name in sorted({*_VARIABLE.findall(str(values))} - {_STORE, *os.environ})
        ]
        if values.get("force_reason"):
            problems.append(
                f"{place}, {what}: `force_reason` pays again at every run; set it for one run, in the UI"
            )
        try:
            checked_parameters(flow, resolved(values))
        except (ParameterTypeError, SignatureMismatchError, TypeError, ValueError) as error:
            problems.append(f"{place}, {what}: {' '.join(str(error).split())}")
    return problems


def checked_parameters(flow: Flow[..., Any], values: dict[str, Any]) -> dict[str, Any]:
    """All parameters of a flow, as it takes them. Raises as Prefect does, which also logs all that was given."""
    with disable_logger("prefect.flows"):
        return flow.validate_parameters(values)


def resolved(value: Any) -> Any:
    """Fill in `{{ $VARIABLE }}` as Prefect will."""
    if isinstance(value, dict):
        return {key: resolved(item) for key, item in value.items()}
    if isinstance(value, list):
        return [resolved(item) for item in value]
    if isinstance(value, str):
        return _VARIABLE.sub(lambda match: os.environ.get(match.group(1), ""), value)
    return value


def flow_of(entrypoint: str) -> Flow[..., Any]:
    """Import a flow of the project, such as `flows/retrain_model.py:retrain_model`."""
    file, _, name = entrypoint.rpartition(":")
    if not file.endswith(".py"):
        raise ValueError("write it as folder/file.py:function")
    flow = getattr(import_from_project(file.removesuffix(".py").replace("/", ".")), name)
    if not isinstance(flow, Flow):
        raise TypeError(f"{name} is not a flow")
    return flow


def _unknown(place: str, mapping: Any, known: set[str]) -> list[str]:
    if not isinstance(mapping, dict):
        return [f"{place}: should be a mapping"]
    return [
        f"{place}: `{key}` is not known here; it would be ignored. Known: {', '.join(sorted(known))}"
        for key in mapping
        if key not in known
    ]
