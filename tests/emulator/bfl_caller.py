"""Speaks to the emulated BFL as its pages and its OpenAPI show, without any code of ours in between."""

import base64
import io
import zipfile
from typing import Any

import requests

from tests.emulator.segmind_caller import dataset
from tuneloop.emulator import EmulatorControl

ULTRA = "/v1/flux-pro-1.1-ultra-finetuned"
PRO = "/v1/flux-pro-finetuned"


def folder_zip() -> bytes:
    """A zip with its images in a folder."""
    return dataset(2, folder="images/")


def changed_zip(name: str, content: bytes, mode: int = 0o100644) -> bytes:
    """A good zip with one more entry, of a mode as in Unix."""
    file = io.BytesIO(dataset(2))
    with zipfile.ZipFile(file, "a") as archive:
        entry = zipfile.ZipInfo(name)
        entry.external_attr = mode << 16
        entry.create_system = 3
        archive.writestr(entry, content)
    return file.getvalue()


class BflCaller:
    """One session with the right key."""

    def __init__(self, emulator: EmulatorControl) -> None:
        self.origin = emulator.url
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.headers["X-Key"] = emulator.api_key

    def call(self, method: str, path: str, **arguments: Any) -> requests.Response:
        return self.session.request(method, self.origin + path, timeout=60, **arguments)

    def archive(self, images: int = 6) -> bytes:
        return dataset(images)

    def submit(self, archive: bytes, **changed: Any) -> requests.Response:
        body = {
            "file_data": base64.b64encode(archive).decode(),
            "finetune_comment": "harbour",
            "trigger_word": "HRBR",
            "mode": "product",
            **changed,
        }
        return self.call("POST", "/v1/finetune", json=body)

    def train(self, images: int = 6, **changed: Any) -> str:
        """The id of an accepted training."""
        return str(self.submit(self.archive(images), **changed).json()["finetune_id"])

    def result(self, task_id: str) -> dict[str, Any]:
        """What get_result says, which needs no key."""
        response = requests.get(f"{self.origin}/v1/get_result", params={"id": task_id}, timeout=60)
        return dict(response.json())

    def listed(self) -> list[str]:
        return list(self.call("GET", "/v1/my_finetunes").json()["finetunes"])

    def draw(self, model_id: str, path: str = ULTRA, **changed: Any) -> requests.Response:
        body = {"finetune_id": model_id, "prompt": "HRBR figure on the beach", "seed": 11, **changed}
        return self.call("POST", path, json=body)

    def image(self, model_id: str, path: str = ULTRA, **changed: Any) -> str:
        """The id of an accepted image."""
        return str(self.draw(model_id, path, **changed).json()["id"])

    def sample(self, model_id: str, path: str = ULTRA, **changed: Any) -> str:
        """The address of a finished image."""
        return str(self.result(self.image(model_id, path, **changed))["result"]["sample"])
