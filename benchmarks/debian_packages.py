"""Programs out of Debian packages for a machine that lacks them: unpacked below `.cache/`, nothing installed.

No root is needed. apt-get works out which packages are missing, in folders of our own, and dpkg unpacks them.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

CACHE = Path(__file__).resolve().parents[1] / ".cache"
_LIBRARY = re.compile(r"\.so(\.\d+)*$")
_PROGRAMS = ("usr/bin", "usr/sbin", "bin", "sbin")
_OPTIONS = (
    "-qq",
    "-y",
    "--no-install-recommends",
    "-o", "Acquire::Retries=2",
    "-o", "Acquire::http::Timeout=30",
    "-o", "Debug::NoLocking=true",
    # As root, apt-get would fetch as a user of its own, who need not exist nor be let into our folders.
    "-o", "APT::Sandbox::User=root",
)  # fmt: skip


class NotToBeHad(RuntimeError):
    """A program could not be got; the text is why."""


def unpacked(name: str, *packages: str) -> Path:
    """Folder into which packages, and whatever they need that this machine lacks, are unpacked once.

    Args:
        name: What they are kept under, below `.cache/`.
        *packages: Names of Debian packages.

    Raises:
        NotToBeHad: There is no apt-get, or it did not give them.
    """
    kept = CACHE / name
    if not kept.is_dir():
        if shutil.which("apt-get") is None:
            raise NotToBeHad(f"{', '.join(packages)}: this machine has no apt-get; install them yourself")
        sys.stdout.write(f"Downloading {', '.join(packages)} and unpacking them into {kept}.\n")
        sys.stdout.flush()
        _fetch(kept, packages)
    return kept


def command(program: str, package: str) -> list[str]:
    """The beginning of a command line that runs a program, from the PATH or else out of its package.

    Raises:
        NotToBeHad: It is on the machine neither way.
    """
    if found := shutil.which(program):
        return [found]
    root = unpacked(package, package)
    for folder in _PROGRAMS:
        if (root / folder / program).is_file():
            libraries = environment_of(root)["LD_LIBRARY_PATH"]
            return ["env", f"LD_LIBRARY_PATH={libraries}", str(root / folder / program)]
    raise NotToBeHad(f"the package {package} holds no program {program}; remove {root} and try again")


def environment_of(root: Path) -> dict[str, str]:
    """This process's environment, with the programs and libraries of an unpacked folder first."""
    folders = sorted({str(file.parent) for file in root.rglob("*") if _LIBRARY.search(file.name)})
    programs = [str(root / folder) for folder in _PROGRAMS]
    return {
        **os.environ,
        "PATH": os.pathsep.join([*programs, os.environ.get("PATH", os.defpath)]),
        "LD_LIBRARY_PATH": os.pathsep.join(folders),
    }


def _fetch(kept: Path, packages: tuple[str, ...]) -> None:
    partial = kept.with_name(f"{kept.name}.{os.getpid()}")
    try:
        for folder in ("lists/partial", "cache/archives/partial", "root"):
            (partial / folder).mkdir(parents=True)
        options = [
            *_OPTIONS,
            "-o", f"Dir::State::lists={partial / 'lists'}",
            "-o", f"Dir::Cache={partial / 'cache'}",
        ]  # fmt: skip
        # One broken source does not matter if the packages are found.
        lists = _said(partial, "apt-get", *options, "update")
        if refusal := _said(partial, "apt-get", *options, "install", "--reinstall", "--download-only", *packages):
            raise NotToBeHad(f"apt-get says: {lists} {refusal}")
        for archive in sorted((partial / "cache" / "archives").glob("*.deb")):
            if refusal := _said(partial, "dpkg", "-x", str(archive), str(partial / "root")):
                raise NotToBeHad(f"dpkg says: {refusal}")
        if not kept.is_dir():  # another process may have been faster
            (partial / "root").rename(kept)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _said(scratch: Path, *words: str) -> str:
    """Run a command; the end of what it complained of where it failed, nothing where it did not."""
    # What checks the signatures needs a folder that it may write to, which /tmp need not be.
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C", "TMPDIR": str(scratch)}
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=environment)
    if not done.returncode:
        return ""
    return " ".join(done.stderr.split())[-300:] or f"it ended with {done.returncode}"
