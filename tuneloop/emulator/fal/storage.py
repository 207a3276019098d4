"""fal's storage: an upload in one PUT, in parts, or with a token; every file can be read by who knows its address.

Sources: official clients, Python 1.0.3 (token, uploads with it, parts) and JavaScript (initiate, initiate-
multipart, parts whose responses are JSON). Its hosts for storage and for files are the emulator's one address
here. How small a part may be is not published.
"""

import re
import uuid

from starlette.responses import JSONResponse, Response

from tuneloop.emulator import urls
from tuneloop.emulator.calls import Call
from tuneloop.emulator.clock import iso_utc
from tuneloop.emulator.fal.fields import UPLOAD_TOKEN
from tuneloop.emulator.fal.responses import Invalid, Rejected, field_error
from tuneloop.emulator.fal.results import MEDIA
from tuneloop.emulator.object_routes import get
from tuneloop.emulator.objects import PREFIX

FILES = "/files/b/"
"""Where uploaded files lie under the emulator's own address."""
_PARTS = "parts"
_UPLOAD_VALID_S = 3600
_TOKEN_VALID_S = 1800
_STORAGE_TYPES = ("gcs", "fal-cdn-v3")


def initiate(call: Call) -> dict[str, str]:
    """Give out the address for one PUT, and the one of the file."""
    key, file_url = _reserve(call, _checked_name(call))
    query = urls.sign_v4("PUT", PREFIX + key, call.emulation.clock.now(), _UPLOAD_VALID_S)
    return {"upload_url": f"{call.base_url}{PREFIX}{key}?{query}", "file_url": file_url}


def initiate_multipart(call: Call) -> dict[str, str]:
    """Give out the address under which parts are put, and the one of the file."""
    _, file_url = _reserve(call, _checked_name(call))
    return {"upload_url": f"{file_url}/multipart/{uuid.uuid4().hex}", "file_url": file_url}


def token(call: Call) -> dict[str, str]:
    """Give out a token for uploads."""
    return {
        "token": UPLOAD_TOKEN,
        "token_type": "Bearer",
        "base_url": call.base_url,
        "expires_at": iso_utc(call.emulation.clock.now() + _TOKEN_VALID_S),
    }


def upload(call: Call) -> dict[str, str]:
    """Store a file that came with a token."""
    key, file_url = _reserve(call, _sent_name(call))
    incoming = call.emulation.objects.begin()
    incoming.write(call.fields)
    call.emulation.objects.keep(incoming, key)
    return {"access_url": file_url}


def begin_multipart(call: Call) -> dict[str, str]:
    """Begin an upload in parts that came with a token."""
    _, file_url = _reserve(call, _sent_name(call))
    return {"access_url": file_url, "uploadId": uuid.uuid4().hex}


def put_part(call: Call) -> Response:
    """Store one part."""
    number = _part_number(call.path["part"])
    incoming = call.emulation.objects.begin()
    incoming.write(call.fields)
    stored = call.emulation.objects.keep(incoming, f"{_PARTS}/{call.path['upload']}/{number}")
    return JSONResponse({"partNumber": number, "etag": stored.etag}, headers={"ETag": stored.etag})


def complete_multipart(call: Call) -> dict[str, str]:
    """Join the parts in the order of their numbers, whichever order they are named in."""
    objects, upload_id, key = call.emulation.objects, call.path["upload"], f"{MEDIA}/{call.path['file']}"
    parts = call.fields.get("parts") if isinstance(call.fields, dict) else None
    if not isinstance(parts, list) or not parts:
        raise Rejected(400, "parts are missing")
    named = {part.get("partNumber"): part.get("etag") for part in parts if isinstance(part, dict)}
    if sorted(named, key=str) != sorted(range(1, len(parts) + 1), key=str):
        raise Rejected(400, "parts must be numbered from 1, without a gap")
    incoming = objects.begin()
    for number in range(1, len(parts) + 1):
        part = f"{_PARTS}/{upload_id}/{number}"
        stored = objects.find(part)
        if stored is None or stored.etag != named[number]:
            incoming.drop()
            raise Rejected(400, f"part {number} was not uploaded, or not with this etag")
        incoming.write(objects.path(part).read_bytes())
    objects.keep(incoming, key)
    file_url = f"{call.base_url}{FILES}{call.path['file']}"
    return {"access_url": file_url, "url": file_url}


def read(call: Call) -> Response:
    """Send a file."""
    return get(call.emulation, call.request, f"{MEDIA}/{call.path['file']}", signed=False)


def _reserve(call: Call, name: str) -> tuple[str, str]:
    """Return key and address of a new file, which keeps its name."""
    path = f"{uuid.uuid4().hex[:20]}/{re.sub(r'[^A-Za-z0-9._-]', '_', name)}"
    key, url = f"{MEDIA}/{path}", f"{call.base_url}{FILES}{path}"
    call.emulation.objects.reserve(key, url)
    return key, url


def _checked_name(call: Call) -> str:
    if call.request.query_params.get("storage_type") not in _STORAGE_TYPES:
        raise Invalid([field_error(["query", "storage_type"], f"Input should be one of {_STORAGE_TYPES}", "enum")])
    missing = [name for name in ("file_name", "content_type") if not isinstance(call.fields.get(name), str)]
    if missing:
        raise Invalid([field_error(["body", name], "Field required", "missing") for name in missing])
    return str(call.fields["file_name"])


def _sent_name(call: Call) -> str:
    return call.request.headers.get("x-fal-file-name", "upload.bin")


def _part_number(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise Rejected(400, "a part has a number from 1 on")
    return int(text)
