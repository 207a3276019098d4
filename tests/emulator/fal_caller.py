"""Speaks to the emulated fal as its pages and its OpenAPI show, without any code of ours in between."""

import io
import zipfile
from typing import Any

import requests

from tests.emulator.segmind_caller import dataset, pairs
from tuneloop.emulator import EmulatorControl

FLUX = "fal-ai/flux-lora-fast-training"
FLUX_2 = "fal-ai/flux-2-trainer"
KONTEXT = "fal-ai/flux-kontext-trainer"
DRAW = "fal-ai/flux-lora"


def with_entries(archive: bytes, **entries: bytes) -> bytes:
    """The zip with further entries, named with `__` in place of the dot."""
    file = io.BytesIO(archive)
    with zipfile.ZipFile(file, "a") as opened:
        for name, content in entries.items():
            opened.writestr(zipfile.ZipInfo(name.replace("__", ".")), content)
    return file.getvalue()


class FalCaller:
    """One session with the right key."""

    def __init__(self, emulator: EmulatorControl) -> None:
        self.origin = emulator.url
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.headers["Authorization"] = f"Key {emulator.api_key}"

    def call(self, method: str, path: str, **arguments: Any) -> requests.Response:
        url = path if path.startswith("http") else f"{self.origin}/{path.lstrip('/')}"
        return self.session.request(method, url, timeout=60, **arguments)

    def upload(self, archive: bytes | None = None, name: str = "harbour.zip") -> str:
        body = {"file_name": name, "content_type": "application/zip"}
        place = self.call("POST", "storage/upload/initiate?storage_type=fal-cdn-v3", json=body).json()
        content = dataset() if archive is None else archive
        assert requests.put(place["upload_url"], data=content, timeout=60).status_code == 200
        return str(place["file_url"])

    def submit(self, trainer: str = FLUX, archive: bytes | None = None, **changed: Any) -> requests.Response:
        field = "images_data_url" if trainer.startswith(FLUX) else "image_data_url"
        content = pairs() if archive is None and trainer == KONTEXT else archive
        captions = {} if trainer.startswith(FLUX) else {"default_caption": "HRBR figure"}
        return self.call("POST", trainer, json={field: self.upload(content), **captions, **changed})

    def train(self, trainer: str = FLUX, archive: bytes | None = None, **changed: Any) -> dict[str, Any]:
        """What an accepted submit says."""
        return dict(self.submit(trainer, archive, **changed).json())

    def status(self, accepted: dict[str, Any], logs: int = 0) -> requests.Response:
        return self.call("GET", accepted["status_url"], params={"logs": logs})

    def result(self, accepted: dict[str, Any]) -> requests.Response:
        return self.call("GET", accepted["response_url"])

    def weights(self, accepted: dict[str, Any]) -> str:
        """Where the weights are."""
        return str(self.result(accepted).json()["diffusers_lora_file"]["url"])

    def draw(self, weights: str, endpoint: str = DRAW, **changed: Any) -> dict[str, Any]:
        """What an accepted image says."""
        body = {"prompt": "HRBR figure on the beach", "seed": 11, "loras": [{"path": weights}], **changed}
        return dict(self.call("POST", endpoint, json=body).json())

    def listed(self, *endpoints: str, **query: Any) -> dict[str, Any]:
        """A page of the requests of some endpoints."""
        asked = {"endpoint_id": ",".join(endpoints or (FLUX,)), **query}
        return dict(self.call("GET", "v1/models/requests/by-endpoint", params=asked).json())
