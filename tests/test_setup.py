"""What is locked, and what `make setup` leaves in .venv."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import distributions, packages_distributions, requires, version
from importlib.util import find_spec
from pathlib import Path

import pytest

import tuneloop

ROOT = Path(__file__).parent.parent
RUNTIME, DEVELOPMENT, CLIP = "constraints.txt", "constraints-dev.txt", "constraints-clip.txt"
KUBERNETES = "constraints-kubernetes.txt"
LOCKS = [RUNTIME, DEVELOPMENT, CLIP, KUBERNETES, "constraints-prefect38.txt"]
_PINNED = re.compile(r"^([a-z0-9][a-z0-9._-]*)==(\S+)", re.MULTILINE)


def pins(file: str) -> dict[str, str]:
    return dict(_PINNED.findall((ROOT / file).read_text()))


def normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.skipif(
    Path(sys.prefix) != ROOT / ".venv" or find_spec("open_clip") is not None,
    reason="another environment than that of make setup, or one with the extra clip",
)
def test_nothing_is_installed_beyond_the_locks_but_pip_and_tuneloop() -> None:
    there = {normalized(found.name) for found in distributions()}
    beyond = there - pins(RUNTIME).keys() - pins(DEVELOPMENT).keys() - {"pip", "tuneloop"}
    assert not beyond, "made by an older Makefile? run: make clean setup"


@pytest.mark.parametrize("file", LOCKS)
def test_lock_holds_versions_with_hashes_and_no_address(file: str) -> None:
    entries = re.split(r"\n(?=\S)", (ROOT / file).read_text().strip())
    for entry in entries:
        first, *hashes = entry.split(" \\\n")
        assert re.fullmatch(r"[a-z0-9._-]+==[\w.+!-]+( ; [^/@]+)?", first), first
        assert hashes, first
        assert all(re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}", line.rstrip()) for line in hashes), first


def test_locks_agree_and_none_names_torch() -> None:
    assert not pins(RUNTIME).keys() & (pins(DEVELOPMENT).keys() | pins(KUBERNETES).keys())
    locked = pins(RUNTIME) | pins(DEVELOPMENT)
    for extra in (CLIP, KUBERNETES):
        assert {
            name: version for name, version in pins(extra).items() if locked.get(name, version) != version
        } == {}
    assert not (locked.keys() | pins(CLIP).keys()) & {"torch", "torchvision", "setuptools"}


def test_what_development_needs_is_not_in_the_lock_of_the_runtime() -> None:
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    wanted = {normalized(re.split(r"[^\w.-]", name)[0]) for name in groups["dev"]}
    assert {"moto", "mypy", "playwright", "pytest", "ruff"} < wanted
    assert not wanted & pins(RUNTIME).keys()
    assert wanted <= pins(DEVELOPMENT).keys()


def test_what_the_library_imports_is_a_dependency_and_in_the_lock_of_the_runtime() -> None:
    """But for what only type checkers import, and for extras, which are imported by name."""
    owners = packages_distributions()
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    wanted = {normalized(re.split(r"[^\w.-]", name)[0]) for name in declared} | {
        "pydantic-core"
    }  # part of pydantic
    assert wanted <= pins(RUNTIME).keys()
    for file in sorted(
        path for folder in ("tuneloop", "flows", "blocks") for path in (ROOT / folder).rglob("*.py")
    ):
        for name in imported(ast.parse(file.read_text())):
            top = name.split(".")[0]
            if top not in sys.stdlib_module_names and top not in {"tuneloop", "flows", "blocks"}:
                assert {normalized(owner) for owner in owners[top]} & wanted, f"{file}: {name}"


def imported(tree: ast.AST) -> list[str]:
    """Modules that a file imports when it is run."""
    names = []
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names.append(node.module or "")
        names += imported(node)
    return names


def test_package_has_one_version_and_says_what_it_needs() -> None:
    assert version("tuneloop") == tuneloop.__version__
    wanted = requires("tuneloop") or []
    assert not [
        item
        for item in wanted
        if "extra ==" in item and not re.search(r"extra == .(clip|hub|kubernetes|team)", item)
    ]


@pytest.mark.parametrize("option", ["--version", "-h", "--help"])
def test_command_answers_without_a_project_or_a_server(option: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tuneloop.cli.app", option]
    said = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path).stdout
    assert (
        (said == f"tuneloop {tuneloop.__version__}\n") if option == "--version" else "--install-completion" in said
    )


def test_command_completes_its_own_words() -> None:
    asked = {"_TUNELOOP_COMPLETE": "complete_bash", "COMP_WORDS": "tuneloop st", "COMP_CWORD": "1"}
    completed = subprocess.run(
        [Path(sys.executable).with_name("tuneloop")], capture_output=True, text=True, check=True, env=asked
    )
    assert completed.stdout.split() == ["status", "store"]


def test_windows_gets_a_sentence() -> None:
    """Where nothing of POSIX can be imported."""
    there = "import sys; sys.modules['fcntl'] = None; from tuneloop.cli.app import main; sys.platform = 'win32'"
    command = [sys.executable, "-c", f"{there}; main()", "status"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert ended.stderr.startswith("tuneloop: Windows is not supported")
    assert ended.stderr.count("\n") == 1
