"""Finds Chromium for the browser tests, and gets it where there is none: `make browser` runs this first."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.debian_packages import CACHE, NotToBeHad, environment_of, unpacked

NEEDED = (
    "The browser tests need Chromium and none could be had: install a package named chromium or google-chrome, "
    "so that one of these commands is on the PATH."
)
_COMMANDS = ("chromium", "google-chrome", "google-chrome-stable")
_STARTER = CACHE / "chromium-starter"


def browser_path() -> Path | None:
    """A browser on the PATH, or else the one that was unpacked for this checkout."""
    for command in _COMMANDS:
        if found := shutil.which(command):
            return Path(found)
    return _STARTER if _STARTER.is_file() else None


def get_browser() -> Path:
    """Unpack Chromium out of the distribution's packages (about 80 MB).

    Raises:
        NotToBeHad: There is no apt-get, or it did not give one.
    """
    root = unpacked("chromium", "chromium", "chromium-common")
    program = root / "usr" / "lib" / "chromium" / "chromium"
    if not program.is_file():
        raise NotToBeHad(f"the package chromium holds no {program.name}; remove {root} and try again")
    _write_starter(root, program)
    return _STARTER


def _write_starter(root: Path, program: Path) -> None:
    """Write the command that starts the unpacked browser with the unpacked libraries and fonts."""
    lines = [
        "#!/bin/sh",
        f'export LD_LIBRARY_PATH="{environment_of(root)["LD_LIBRARY_PATH"]}"',
        f'exec "{program}" "$@"',
    ]
    if (root / "etc" / "fonts" / "fonts.conf").is_file():
        lines.insert(1, f'export FONTCONFIG_SYSROOT="{root}"')
    partial = _STARTER.with_suffix(".partial")
    partial.write_text("\n".join(lines) + "\n", encoding="utf-8")
    partial.chmod(0o755)
    partial.rename(_STARTER)


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
