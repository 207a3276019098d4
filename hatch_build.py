"""Build hook: the wheel names the packages that it was tested with, as a CycloneDX document.

It lies in `.dist-info/sboms/` (PEP 770) and says what `constraints.txt` says: versions, and the hash of each file
that may be installed of one.
"""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_NAME = "tuneloop.cdx.json"
_PIN = re.compile(
    r"^([a-z0-9._-]+)==(\S+)(?: ; ([^\\]+?))? \\$((?:\n +--hash=sha256:[0-9a-f]{64}(?: \\)?)+)", re.MULTILINE
)


class BillOfMaterials(BuildHookInterface):  # type: ignore[type-arg]  # of any builder's configuration
    """Writes the document, and lets the wheel have it."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - the plugin's interface
        self._folder = tempfile.TemporaryDirectory()
        document = Path(self._folder.name, _NAME)
        locked = Path(self.root, "constraints.txt").read_text(encoding="utf-8")
        document.write_text(json.dumps(_document(self.metadata.version, locked), indent=1), encoding="utf-8")
        build_data["sbom_files"].append(str(document))

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002 - as above
        self._folder.cleanup()


def _document(version: str, locked: str) -> dict[str, Any]:
    """A bill of materials as version 1.6 of the specification has it, the same for the same lock."""
    own = {"type": "application", "bom-ref": "tuneloop", "name": "tuneloop", "version": version}
    components = [_component(*found) for found in _PIN.findall(locked)]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": own},
        "components": components,
    }


def _component(name: str, version: str, marker: str, hashes: str) -> dict[str, Any]:
    purl = f"pkg:pypi/{name}@{version}"
    digests = re.findall(r"sha256:([0-9a-f]{64})", hashes)
    component = {
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "version": version,
        "purl": purl,
        "hashes": [{"alg": "SHA-256", "content": digest} for digest in digests],
    }
    # Where it is installed at all.
    return {**component, "properties": [{"name": "python:marker", "value": marker}]} if marker else component
