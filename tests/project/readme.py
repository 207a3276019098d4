"""The demo's output as README shows it; `python -m tests.project.readme` renews it there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

README = Path(__file__).parent.parent.parent / "README.md"
_BLOCK = re.compile(r"(<!-- The output of the demo[^\n]*-->\n```text\n)(.*?)(```\n)", re.DOTALL)


def demo_output(folder: Path, python: str = sys.executable, *options: str) -> str:
    """Run the whole demo in a folder, in a terminal of 80 columns. Returns what it prints."""
    theirs = ("PREFECT_", "TUNELOOP_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(theirs)}
    done = subprocess.run(
        [python, "-m", "tuneloop.cli.app", "demo", "--exit", *options],
        env={**kept, "COLUMNS": "80", "HOME": str(folder)},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    return re.sub(r"[ \t]+$", "", done.stdout, flags=re.MULTILINE)


def shown_in_readme() -> str:
    """What README shows."""
    found = _BLOCK.search(README.read_text(encoding="utf-8"))
    assert found is not None
    return found[2]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        output = demo_output(Path(folder))
    text = README.read_text(encoding="utf-8")
    README.write_text(_BLOCK.sub(lambda found: found[1] + output + found[3], text), encoding="utf-8")


if __name__ == "__main__":
    main()
