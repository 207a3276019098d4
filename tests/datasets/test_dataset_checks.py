"""One fault planted for every check, and the proof that none was forgotten."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import pytest

from tuneloop.datasets import auxiliary, caption_sources, captions, imagefolder, listing, pairs, scan
from tuneloop.datasets import files as walking
from tuneloop.datasets.checks import caption_checks, dataset_checks
from tuneloop.datasets.scan import Preflight, preflight

from .images import fill_cleanly, fill_cleanly_with_pairs
from .planted.dataset_faults import ANY, FAULTS, PAIR_RULE, RULE, Fault, nothing, too_deep_to_list

MODULES = (
    auxiliary, caption_checks, caption_sources, captions, dataset_checks, imagefolder, listing, pairs, scan,
    walking,
)  # fmt: skip


def looked_at(fault: Fault, folder: Path) -> Preflight:
    (fill_cleanly_with_pairs if fault.pairs else fill_cleanly)(folder)
    fault.plant(folder)
    return preflight(folder, fault.rule, fault.profile, pairs=fault.pairs, sending=fault.sending)


@pytest.mark.parametrize("fault", FAULTS, ids=[f"{number}-{fault.check}" for number, fault in enumerate(FAULTS)])
def test_planted_fault_is_found_and_nothing_else(fault: Fault, folder: Path) -> None:
    found = looked_at(fault, folder)
    assert [(one.check, one.severity, one.file) for one in found.findings] == [
        (fault.check, fault.severity, fault.file)
    ]
    (finding,) = found.findings
    assert finding.reason
    assert finding.remedy
    assert (found.manifest is None) == (fault.severity == "error")


@pytest.mark.parametrize("pairs", [False, True])
def test_clean_folder_has_no_finding(folder: Path, pairs: bool) -> None:
    found = looked_at(Fault("", "error", None, nothing, rule=PAIR_RULE if pairs else RULE, pairs=pairs), folder)
    assert found.findings == ()
    assert found.manifest is not None
    assert len(found.manifest.items) == found.images == (6 if pairs else 12)
    assert found.captions == (3 if pairs else 12)


def test_every_check_that_the_code_knows_has_a_planted_fault() -> None:
    assert checks_in_the_code() == {fault.check for fault in FAULTS} | {"unreadable", "not-opened"}


def test_subfolder_that_cannot_be_listed_is_named(folder: Path) -> None:
    fill_cleanly(folder)
    too_deep_to_list(folder)
    (finding,) = preflight(folder, RULE, ANY).findings
    assert (finding.check, finding.severity, finding.reason) == (
        "unreadable", "error", "cannot be listed (File name too long)",
    )  # fmt: skip
    assert (finding.file or "").startswith("d" * 250)


def checks_in_the_code() -> set[str]:
    """First arguments of everything that makes a finding."""
    found = set()
    for module in MODULES:
        for node in ast.walk(ast.parse(inspect.getsource(module))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                if node.func.id in {"error", "warning", "_warn"} and isinstance(node.args[0], ast.Constant):
                    found.add(str(node.args[0].value))
            elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "check":
                assert isinstance(node.value, ast.Constant)
                found.add(str(node.value.value))
    return found
