"""Replicate's files: uploads that a training takes, for a day.

Source: Replicate's OpenAPI document of March 2026 (routes, fields, 413, 404); recorded exchanges of its own
clients (an upload is there for 24 hours; `name` and `etag`). A file that has expired is answered like one that
never was: assumed. Downloads, whose signatures nobody hands out, are not there.
"""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from starlette.responses import JSONResponse, Response

from tuneloop.emulator.calls import Call
from tuneloop.emulator.clock import iso_utc
from tuneloop.emulator.emulation import Emulation
from tuneloop.emulator.replicate.ids import new_id
from tuneloop.emulator.replicate.responses import Rejected, not_found
from tuneloop.emulator.state import Table

MAX_BYTES = 100_000_000
KEPT_S = 24 * 3600
_BUCKET = "uploaded-files"
_MAX_NAME_BYTES = 255


@dataclass(frozen=True)
class UploadedFile:
    """One upload."""

    id: str
    name: str
    content_type: str
    size: int
    sha256: str
    md5: str
    metadata: dict[str, Any]
    created: float
    """Epoch seconds."""
    deleted: bool = False

    @property
    def key(self) -> str:
        """Of its content in the object store."""
        return f"{_BUCKET}/{self.id}"


def _table(emulation: Emulation) -> Table[UploadedFile]:
    return Table(emulation.state, UploadedFile)


def create(call: Call) -> Response:
    """Keep a file. Rejected: one that is too large, or has no name."""
    name, kind, content, described = call.fields
    if len(content) >= MAX_BYTES:
        raise Rejected(413, "Files must be less than 100MB in size")
    if not 0 < len(name.encode()) <= _MAX_NAME_BYTES:
        raise Rejected(400, "Missing filename")
    try:
        metadata = dict(json.loads(described))
    except (TypeError, ValueError):
        raise Rejected(400, "Metadata must be a JSON object") from None
    emulation = call.emulation
    sha256, md5 = hashlib.sha256(content).hexdigest(), hashlib.md5(content, usedforsecurity=False).hexdigest()
    file = UploadedFile(new_id(), name, kind, len(content), sha256, md5, metadata, emulation.clock.now())
    incoming = emulation.objects.begin()
    incoming.write(content)
    emulation.objects.keep(incoming, file.key, f'"{md5}"')
    _table(emulation).add(file.id, file)
    return JSONResponse(_shown(call, file), 201)


def find(emulation: Emulation, file_id: str) -> UploadedFile | None:
    """Return a file that is there."""
    file = _table(emulation).find(file_id)
    fresh = file is not None and not file.deleted and emulation.clock.now() < file.created + KEPT_S
    return file if fresh else None


def _found(call: Call) -> UploadedFile:
    file = find(call.emulation, call.path["id"])
    if file is None:
        raise not_found("File not found")
    return file


def get(call: Call) -> dict[str, Any]:
    """Show a file."""
    return _shown(call, _found(call))


def listed(call: Call) -> dict[str, Any]:
    """Return the files that are there, the newest first; they fit on one page."""
    files = [file for file in _table(call.emulation).all() if find(call.emulation, file.id)]
    return {"next": None, "previous": None, "results": [_shown(call, file) for file in reversed(files)]}


def delete(call: Call) -> Response:
    """Forget a file."""
    _table(call.emulation).change(_found(call).id, deleted=True)
    return Response(status_code=204)


def _shown(call: Call, file: UploadedFile) -> dict[str, Any]:
    return {
        "id": file.id,
        "name": file.name,
        "content_type": file.content_type,
        "size": file.size,
        "etag": file.md5,
        "checksums": {"sha256": file.sha256, "md5": file.md5},
        "metadata": file.metadata,
        "created_at": iso_utc(file.created),
        "expires_at": iso_utc(file.created + KEPT_S),
        "urls": {"get": f"{call.base_url}/v1/files/{file.id}"},
    }
