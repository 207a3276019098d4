from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tuneloop.emulator.providers import PROVIDERS as EMULATED
from tuneloop.orchestration.blocks import credentials_types
from tuneloop.providers.registry import PROVIDERS, TRAINERS, ProviderRow, recorded_recipe
from tuneloop.schemas.recipe_fields import trainer_of
from tuneloop.schemas.render_settings import SERVICES

ROOT = Path(__file__).parent.parent

OUTER = {"flows": 2, "blocks": 1, "tuneloop": 0}
"""Who may import whom at the top: from a higher number to a lower one, or within. What a user owns is on top."""

LOOSE = {"errors", "settings", "clock", "redaction"}
"""The only modules of the library that are in no room. Every room may import them; they import nothing of ours."""

ROOMS: dict[str, set[str]] = {
    "schemas": set(),
    "http": set(),
    "storage": {"http", "schemas"},
    "datasets": {"http", "schemas", "storage"},
    "providers": {"http", "schemas"},
    "ledger": {"http", "providers", "schemas", "storage"},
    "evaluation": {"datasets", "http", "providers", "schemas", "storage"},
    "registry": {"datasets", "evaluation", "ledger", "providers", "schemas", "storage"},
    "sensor": {"ledger", "providers", "registry", "schemas"},
    "operations": {"datasets", "ledger", "providers", "registry", "schemas", "sensor", "storage"},
    "webhooks": set(),
    "project": {"providers", "schemas"},
    "orchestration": {
        "datasets", "evaluation", "http", "ledger", "operations", "project", "providers", "registry", "schemas",
        "sensor", "storage", "webhooks",
    },
    "emulator": set(),
    "local_server": {"orchestration", "project"},
    "demo": {
        "datasets", "emulator", "http", "ledger", "local_server", "orchestration", "project", "providers",
        "schemas", "storage",
    },
    "cli": {
        "datasets", "demo", "emulator", "evaluation", "http", "ledger", "local_server", "operations",
        "orchestration", "project", "providers", "registry", "schemas", "storage", "webhooks",
    },
}  # fmt: skip
"""The library's rooms, from the ground up, and which rooms each may import beside itself."""

API = "api"
"""The module of the library that flows and blocks import, and no room: what it has is kept stable."""

KNOW_PREFECT = {"orchestration", "local_server", "demo", "cli"}
KNOW_THE_EMULATOR = {"emulator", "demo", "cli"}


def files(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def imports(file: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def room_of(file: Path) -> str:
    return file.relative_to(ROOT / "tuneloop").parts[0].removesuffix(".py")


def ours(names: set[str]) -> set[str]:
    return {name for name in names if name.split(".")[0] in OUTER}


def test_no_other_file_than_its_own_names_a_provider() -> None:
    for name in (row.name for row in PROVIDERS):
        named = re.compile(rf"(?i:(?<![a-z]){name}(?![a-z]))|{name.title()}(?=[A-Z])")
        own = {f"tuneloop/providers/{name}/", f"tuneloop/emulator/{name}/"}
        for file in [*files("tuneloop"), *files("flows")]:
            place = file.relative_to(ROOT).as_posix()
            if place != "tuneloop/providers/registry.py" and not any(map(place.startswith, own)):
                assert not named.search(file.read_text()), f"{place} names {name}"


@pytest.mark.parametrize("row", PROVIDERS, ids=lambda row: row.name)
def test_row_of_a_provider_is_complete(row: ProviderRow) -> None:
    folder = ROOT / "tuneloop" / "providers" / row.name
    wanted = {f"{part}.py" for part in ("__init__", "client", "errors", "recipes", "render", "webhook")}
    assert wanted <= {file.name for file in folder.iterdir()}
    assert (ROOT / "tests" / "wire" / f"{row.name}.json").is_file()
    assert row.client.name == row.name
    block = credentials_types()[row.credentials]
    assert block.__module__ == f"blocks.{row.name}_credentials"
    assert EMULATED[row.name].name == row.name
    assert row.webhook_steps(False, False)
    for recipe in row.recipes:
        example = recipe.model_validate(recipe.example_for("ROBOX"))
        assert recipe.provider == row.name
        assert recipe.services
        assert recorded_recipe.validate_python(example.model_dump()) == example
        assert recorded_recipe.validate_python({"trainer": f"adopted-{trainer_of(recipe)}", "job_id": "j-1"})


def test_names_of_trainers_and_services_are_one_providers() -> None:
    assert len(TRAINERS) == sum(len(row.recipes) for row in PROVIDERS)
    assert len(SERVICES) == sum(len(row.services) for row in PROVIDERS)


@pytest.mark.parametrize("folder", OUTER)
def test_arrows_between_top_level_folders_go_one_way(folder: str) -> None:
    for file in files(folder):
        for name in ours(imports(file)):
            assert OUTER[name.split(".")[0]] <= OUTER[folder], f"{file.relative_to(ROOT)} imports {name}"


def test_flows_and_blocks_import_the_api_alone_and_a_block_its_providers_client() -> None:
    for file in [*files("flows"), *files("blocks")]:
        client = f"tuneloop.providers.{file.stem.removesuffix('_credentials')}.client"
        for node in ast.walk(ast.parse(file.read_text())):
            modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            modules += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for module in modules:
                assert not module.startswith("tuneloop") or module in {"tuneloop.api", client}, f"{file}: {module}"


def test_every_name_of_the_api_is_there_and_is_imported_only_when_it_is_used() -> None:
    functions = "all(callable(getattr(a, n)) for n in a.__all__ if n.islower())"
    homes = "all(getattr(import_module(a._HOMES[n]), n) for n in a.__all__)"
    asks = f"print({functions}, 'prefect' in sys.modules, {homes})"
    asks = f"import sys, tuneloop.api as a; from importlib import import_module; {asks}"
    asked = subprocess.run([sys.executable, "-c", asks], capture_output=True, text=True, check=True)
    assert asked.stdout == "True False True\n"


def test_rooms_of_the_library_import_what_their_row_allows() -> None:
    for file in files("tuneloop"):
        room = room_of(file)
        if room in {"__init__", API}:
            continue
        for name in imports(file):
            pieces = name.split(".")
            if pieces[0] == "tuneloop" and len(pieces) > 1 and name != "tuneloop.__version__":
                allowed = {room} if room in LOOSE else ROOMS[room] | {room} | LOOSE
                if room == "emulator":
                    allowed = {room}
                assert pieces[1] in allowed, f"{file.relative_to(ROOT)} imports {name}"


def test_every_room_is_a_folder_with_a_row_and_no_arrow_goes_up() -> None:
    inside = {path.stem for path in (ROOT / "tuneloop").glob("*.py")} - {"__init__"}
    folders = {path.parent.name for path in (ROOT / "tuneloop").glob("*/__init__.py")}
    assert inside == LOOSE | {API}, "a module of the library is in no room"
    assert folders == ROOMS.keys(), "a room has no row, or a row no room"
    for floor, (room, below) in enumerate(ROOMS.items()):
        assert below <= set(list(ROOMS)[:floor]), f"{room} imports what stands above it"


def test_only_the_rooms_above_import_prefect() -> None:
    for file in files("tuneloop"):
        if room_of(file) not in KNOW_PREFECT:
            assert not any(name.split(".")[0].startswith("prefect") for name in imports(file)), file


def test_only_transport_and_the_emulators_control_import_requests() -> None:
    users = {
        str(file.relative_to(ROOT))
        for file in files("tuneloop")
        if room_of(file) not in KNOW_PREFECT
        and any(name.split(".")[0] in {"requests", "httpx"} for name in imports(file))
    }
    http = {f"tuneloop/http/{name}.py" for name in ("bodies", "failures", "response", "sessions", "transport")}
    assert users == {"tuneloop/emulator/control.py", *http}


def test_evaluation_knows_the_interface_only_and_nothing_knows_the_emulator() -> None:
    for file in files("tuneloop/evaluation"):
        used = {name for name in imports(file) if name.startswith("tuneloop.providers.")}
        assert all(name.startswith("tuneloop.providers.base") for name in used), file
    for folder in OUTER:
        for file in files(folder):
            if folder != "tuneloop" or room_of(file) not in KNOW_THE_EMULATOR:
                assert not any(name.startswith("tuneloop.emulator") for name in imports(file)), file


def test_modules_and_functions_stay_small() -> None:
    for folder in OUTER:
        for file in files(folder):
            text = file.read_text()
            assert text.count("\n") <= 300, f"{file.relative_to(ROOT)} is a room too large"
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    size = (node.end_lineno or 0) - node.lineno + 1
                    assert size <= 50, f"{file.relative_to(ROOT)}: {node.name} has {size} lines"
