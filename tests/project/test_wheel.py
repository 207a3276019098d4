"""The wheel: one name, and with it what a project is made from."""

from __future__ import annotations

import json
import re
import subprocess
import zipfile
from pathlib import Path

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

import tuneloop

ROOT = Path(__file__).parent.parent.parent


def test_wheel_holds_one_importable_name(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {"tuneloop"}


def test_wheel_carries_the_flows_and_blocks_of_the_checkout(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        for name in ("prefect.yaml", "flows/retrain_model.py", "blocks/__init__.py"):
            assert archive.read(f"tuneloop/project/template/{name}") == (ROOT / name).read_bytes()


def test_wheel_names_every_package_that_it_was_tested_with_by_version_and_hashes(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if "/sboms/" in name)
        text = archive.read(name).decode()
    assert name == f"tuneloop-{tuneloop.__version__}.dist-info/sboms/tuneloop.cdx.json"
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    document = json.loads(text)
    assert document["metadata"]["component"]["version"] == tuneloop.__version__
    found = {
        (item["name"], item["version"]): {digest["content"] for digest in item["hashes"]}
        for item in document["components"]
    }
    pins = re.split(r"^(?=[a-z])", (ROOT / "constraints.txt").read_text(), flags=re.MULTILINE)[1:]
    assert found == {
        tuple(re.split("==| ", pin, maxsplit=2)[:2]): set(re.findall(r"sha256:(\w+)", pin)) for pin in pins
    }


def test_neither_flows_nor_blocks_can_be_imported_beside_an_installed_tuneloop(
    installed: Path, tmp_path: Path
) -> None:
    for name in ("flows", "blocks", "deployments"):
        command = [str(installed), "-I", "-c", f"import {name}"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert f"No module named '{name}'" in done.stderr
