"""Write a project's flows and blocks, and renew them later without losing what their owner has changed."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from tuneloop.errors import ConfigurationError
from tuneloop.project.layer import BLOCKS, FLOWS, MODEL_FILES, OPERATOR_FILE, shipped

RECORD = ".tuneloop.json"
"""The digest of each file as it was shipped. It belongs to the project, like the files."""
_NEW = ".new"


def shipped_files() -> list[str]:
    """Names of the files that a project gets, relative to its folder. What makes it a project comes last."""
    modules = [path for folder in (FLOWS, BLOCKS) for path in sorted((shipped() / folder).glob("*.py"))]
    return [*(f"{path.parent.name}/{path.name}" for path in modules), OPERATOR_FILE]


def check_free(project: Path) -> None:
    """Raise `ConfigurationError` where a folder has a file of its own in the place of a shipped one."""
    if there := [name for name in shipped_files() if _digest(project / name) not in {None, _shipped_digest(name)}]:
        raise ConfigurationError(f"{project} has {', '.join(there)} already; name another folder")


def copy_shipped(project: Path) -> None:
    """Write the flows, the blocks and the operator's deployments into a folder that has none of them.

    Raises:
        ConfigurationError: One of the files is there already, and is not ours; nothing was written then.
    """
    check_free(project)
    (project / MODEL_FILES).mkdir(parents=True, exist_ok=True)
    _record(project)
    for name in shipped_files():
        target = project / name
        target.parent.mkdir(exist_ok=True)
        target.write_bytes((shipped() / name).read_bytes())


def renew(project: Path) -> list[str]:
    """Bring a project's flows and blocks to the installed version of Tuneloop. May be repeated.

    A file that its owner has changed stays as it is; where the shipped one has changed too, that is written beside
    it, with `.new` at its end.

    Returns:
        What was done, a line for each file.
    """
    known: dict[str, str] = json.loads((project / RECORD).read_text(encoding="utf-8"))["files"]
    lines = []
    for name in shipped_files():
        target, new = project / name, shipped() / name
        theirs, before, after = _digest(target), known.get(name), _digest(new)
        has_deleted_it = theirs is None and before is not None
        if after in {theirs, before} or has_deleted_it:
            continue
        target.parent.mkdir(exist_ok=True)
        if theirs == before:
            target.write_bytes(new.read_bytes())
            lines.append(f"{name}: renewed")
        else:
            target.with_name(target.name + _NEW).write_bytes(new.read_bytes())
            lines.append(f"{name}: you have changed it, so it stays; take over what you want from {name}{_NEW}")
    _record(project)
    return lines


def add_line(file: Path, line: str) -> None:
    """Append a line to a file that may be there already, once."""
    text = file.read_text(encoding="utf-8") if file.is_file() else ""
    if line not in text.splitlines():
        with file.open("a", encoding="utf-8") as opened:
            opened.write(("" if not text or text.endswith("\n") else "\n") + line + "\n")


def _digest(file: Path) -> str | None:
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else None


def _shipped_digest(name: str) -> str | None:
    return _digest(shipped() / name)


def _record(project: Path) -> None:
    text = json.dumps({"files": {name: _shipped_digest(name) for name in shipped_files()}}, indent=1) + "\n"
    (project / RECORD).write_text(text, encoding="utf-8")
