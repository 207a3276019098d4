"""Finds Chromium for the browser tests, and gets it where there is none: `make browser` runs this first."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

KEPT = Path(__file__).resolve().parents[2] / ".cache" / "chromium"
NEEDED = (
    "The browser tests need Chromium and none could be had: install a package named chromium or google-chrome, "
    "so that one of these commands is on the PATH."
)
_COMMANDS = ("chromium", "google-chrome", "google-chrome-stable")
_LIBRARY = re.compile(r"\.so(\.\d+)*$")
_APT_OPTIONS = (
    "-qq",
    "-y",
    "--no-install-recommends",
    "-o",
    "Acquire::Retries=2",
    "-o",
    "Acquire::http::Timeout=30",
)


class NotToBeHad(RuntimeError):
    """Chromium could not be got; the text is why."""


def browser_path() -> Path | None:
    """A browser on the PATH, or else the one that was unpacked for this checkout."""
    for command in _COMMANDS:
        if found := shutil.which(command):
            return Path(found)
    unpacked = KEPT / "chromium"
    return unpacked if unpacked.is_file() else None


def get_browser() -> Path:
    """Get Chromium from the distribution: installed as root, else only unpacked.

    Raises:
        NotToBeHad: There is no apt-get, or it did not give one.
    """
    if shutil.which("apt-get") is None:
        raise NotToBeHad("this machine has no apt-get")
    if os.geteuid() == 0:
        _say("No Chromium here. Installing it with apt-get (about 80 MB).")
        _apt_get(*_APT_OPTIONS, "install", "chromium")
    else:
        _say(f"No Chromium here. Downloading its packages (about 80 MB) and unpacking them into {KEPT}.")
        _unpack()
    found = browser_path()
    if found is None:
        raise NotToBeHad("apt-get brought no command chromium")
    return found


def _unpack() -> None:
    """Let apt-get work out and download what is missing, in folders of our own, and unpack that."""
    partial = KEPT.with_name("chromium.partial")
    shutil.rmtree(partial, ignore_errors=True)
    for folder in ("lists/partial", "cache/archives/partial", "chromium/root"):
        (partial / folder).mkdir(parents=True)
    options = [
        *_APT_OPTIONS,
        "-o", "Debug::NoLocking=true",
        "-o", f"Dir::State::lists={partial / 'lists'}",
        "-o", f"Dir::Cache={partial / 'cache'}",
    ]  # fmt: skip
    _apt_get(*options, "install", "--download-only", "chromium")
    packages = sorted((partial / "cache" / "archives").glob("*.deb"))
    for package in packages:
        unpacked = _run("dpkg", "-x", str(package), str(partial / "chromium" / "root"))
        if unpacked.returncode:
            raise NotToBeHad(f"dpkg says: {unpacked.stderr.strip()}")
    _write_command(partial / "chromium")
    shutil.rmtree(KEPT, ignore_errors=True)
    (partial / "chromium").rename(KEPT)
    shutil.rmtree(partial)
    _say(f"Unpacked {len(packages)} packages.")


def _write_command(home: Path) -> None:
    """Write the command that starts the unpacked browser with the unpacked libraries and fonts."""
    root = home / "root"
    folders = sorted({file.parent.relative_to(home) for file in root.rglob("*") if _LIBRARY.search(file.name)})
    lines = [
        "#!/bin/sh",
        'home=$(dirname "$(readlink -f "$0")")',
        'export LD_LIBRARY_PATH="' + ":".join(f"$home/{folder}" for folder in folders) + '"',
        'exec "$home/root/usr/lib/chromium/chromium" "$@"',
    ]
    if (root / "etc" / "fonts" / "fonts.conf").is_file():
        lines.insert(3, 'export FONTCONFIG_SYSROOT="$home/root"')
    command = home / "chromium"
    command.write_text("\n".join(lines) + "\n", encoding="utf-8")
    command.chmod(0o755)


def _apt_get(*arguments: str) -> None:
    """Renew the package lists, then run one command. One broken source does not matter if the package is found."""
    lists = _run("apt-get", *arguments[: arguments.index("install")], "update")
    done = _run("apt-get", *arguments)
    if done.returncode:
        said = [*lists.stderr.splitlines()[:1], *done.stderr.splitlines()[-1:]]
        raise NotToBeHad(f"apt-get says: {' '.join(said)}")


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def _say(sentence: str) -> None:
    sys.stdout.write(sentence + "\n")
    sys.stdout.flush()


def main() -> None:
    """Get a browser if there is none; where none can be had, say so and let the tests skip."""
    if browser_path() is not None:
        return
    try:
        found = get_browser()
    except (NotToBeHad, OSError) as error:
        _say(f"{NEEDED} ({error})")
        return
    version = subprocess.run([found, "--version"], capture_output=True, text=True, check=False)
    _say(f"{found}: {version.stdout.strip() or 'does not start: ' + version.stderr.strip()[-300:]}")


if __name__ == "__main__":
    main()
