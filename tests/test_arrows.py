from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

OUTER = {"deployments": 3, "flows": 2, "blocks": 1, "tuneloop": 0}
"""Who may import whom at the top: from a higher number to a lower one, or within."""

INNER: dict[str, set[str]] = {
    "errors": set(),
    "redaction": set(),
    "turning": set(),
    "system_files": set(),
    "clock": set(),
    "settings": set(),
    "values": {"errors"},
    "http": {"errors", "redaction", "clock"},
    "request_body": {"errors", "clock"},
    "public_peer": {"errors"},
    "transport": {"errors", "redaction", "clock", "request_body", "http", "public_peer"},
    "public_file": {"errors", "http", "transport", "public_peer", "settings"},
    "storage": {"errors", "redaction", "values", "clock"},
    "sources": {"errors", "values", "storage", "public_file", "system_files", "http", "dataset"},
    "dataset": {"errors", "values", "storage", "turning", "system_files"},
    "providers": {"errors", "values", "clock", "redaction", "request_body", "transport", "http"},
    "ledger": {"errors", "values", "storage"},
    "training_state": {"errors", "values", "clock", "ledger"},
    "generations": {"errors", "values", "clock", "ledger", "training_state"},
    "budget": {"errors", "values", "clock", "ledger", "training_state"},
    "image_budget": {"errors", "values", "clock", "budget"},
    "doubt": {"errors", "values", "clock", "ledger", "providers", "training_state"},
    "absence": {"errors", "values", "clock", "ledger", "providers", "training_state", "budget"},
    "earlier_jobs": {"errors", "values", "clock", "ledger", "providers", "training_state", "doubt"},
    "submission": {
        "errors",
        "values",
        "clock",
        "ledger",
        "providers",
        "transport",
        "training_state",
        "generations",
        "budget",
        "doubt",
        "absence",
        "earlier_jobs",
        "known_names",
    },
    "kept_weights": {"errors", "values", "ledger", "storage"},
    "collection": {
        "errors",
        "values",
        "clock",
        "kept_weights",
        "ledger",
        "providers",
        "storage",
        "training_state",
    },
    "drivers": {"errors", "values", "clock", "ledger"},
    "accounts": {"errors", "values", "clock", "ledger"},
    "unmeant": {"errors", "values", "ledger", "accounts"},
    "uncollected": {"values", "clock", "ledger", "training_state", "doubt"},
    "cadence": {"values"},
    "known_names": {"errors", "storage"},
    "asking": {"errors", "values", "ledger", "providers", "training_state", "cadence"},
    "settling": {
        "errors",
        "values",
        "clock",
        "ledger",
        "training_state",
        "generations",
        "doubt",
        "uncollected",
        "promotion",
    },
    "account_marks": {"ledger"},
    "tick": {"values", "settling"},
    "unclear": {"errors", "values", "clock", "ledger", "training_state", "asking", "settling"},
    "looking": {
        "errors",
        "values",
        "account_marks",
        "ledger",
        "training_state",
        "asking",
        "settling",
        "tick",
        "unclear",
    },
    "continuing": {"values", "ledger", "settling"},
    "cancelling": {"values", "clock", "ledger"},
    "reviving": {"errors", "values", "ledger", "doubt", "asking", "tick"},
    "watching": {
        "account_marks",
        "reviving",
        "errors",
        "values",
        "clock",
        "ledger",
        "providers",
        "asking",
        "known_names",
        "looking",
        "tick",
    },
    "scoring": {"errors", "values", "redaction", "turning"},
    "gate": {"values", "scoring"},
    "evaluation": {
        "errors",
        "values",
        "storage",
        "transport",
        "providers",
        "dataset",
        "scoring",
        "gate",
        "turning",
    },
    "model_pages": {"errors", "values", "ledger", "dataset", "evaluation"},
    "deciding": {"errors", "values", "ledger", "champion", "promotion", "training_state"},
    "reasons": {"errors", "redaction"},
    "promotion": {"errors", "values", "clock", "ledger", "reasons"},
    "champion": {"errors", "values", "kept_weights", "ledger"},
    "rollback": {"errors", "values", "clock", "kept_weights", "ledger", "champion", "reasons"},
    "whole_file": {"errors", "storage"},
    "pulling": {"errors", "values", "storage", "whole_file"},
    "picture_order": {"errors", "values", "dataset", "providers", "whole_file"},
    "hints": {
        "account_marks",
        "errors",
        "values",
        "clock",
        "ledger",
        "providers",
        "training_state",
        "known_names",
        "asking",
        "looking",
        "tick",
        "watching",
    },
    "adoption": {"errors", "values", "clock", "ledger", "providers", "training_state"},
    "status": {
        "account_marks",
        "errors",
        "values",
        "clock",
        "continuing",
        "kept_weights",
        "ledger",
        "promotion",
        "providers",
        "training_state",
        "budget",
    },
    "planning": {
        "errors",
        "values",
        "clock",
        "ledger",
        "dataset",
        "training_state",
        "generations",
        "budget",
        "promotion",
    },
    "emulator": set(),
}
"""Which parts of the package a part may import, beside itself."""

EMULATOR_USERS = {"deployments", "tests"}


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


def ours(names: set[str]) -> set[str]:
    return {name for name in names if name.split(".")[0] in OUTER}


@pytest.mark.parametrize("folder", OUTER)
def test_arrows_between_top_level_folders_go_one_way(folder: str) -> None:
    for file in files(folder):
        for name in ours(imports(file)):
            assert OUTER[name.split(".")[0]] <= OUTER[folder], f"{file.relative_to(ROOT)} imports {name}"


def test_arrows_within_the_package_go_one_way() -> None:
    for file in files("tuneloop"):
        part = file.relative_to(ROOT / "tuneloop").parts[0].removesuffix(".py")
        if part == "__init__":
            continue
        assert part in INNER, f"{file.relative_to(ROOT)} has no row in this test's table"
        for name in imports(file):
            pieces = name.split(".")
            if pieces[0] == "tuneloop" and len(pieces) > 1:
                allowed = INNER[part] | {part}
                assert pieces[1] in allowed, f"{file.relative_to(ROOT)} imports {name}"


def test_package_never_imports_prefect() -> None:
    for file in files("tuneloop"):
        assert not any(name.split(".")[0].startswith("prefect") for name in imports(file)), file


def test_only_transport_and_the_emulators_control_import_requests() -> None:
    users = {
        str(file.relative_to(ROOT))
        for file in files("tuneloop")
        if any(name.split(".")[0] in {"requests", "httpx"} for name in imports(file))
    }
    http = {f"tuneloop/http/{name}.py" for name in ("answer", "bodies", "failures", "sessions")}
    assert users == {"tuneloop/transport.py", "tuneloop/emulator/control.py", *http}


def test_evaluation_knows_the_interface_only_and_nothing_knows_the_emulator() -> None:
    for file in files("tuneloop/evaluation"):
        used = {name for name in imports(file) if name.startswith("tuneloop.providers.")}
        assert all(name.startswith("tuneloop.providers.provider") for name in used), file
    for folder in ("tuneloop", "flows", "blocks"):
        for file in files(folder):
            if "emulator" not in file.parts:
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
