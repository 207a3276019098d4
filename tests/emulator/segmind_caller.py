"""Speaks to the emulated Segmind as its pages show, without any code of ours in between."""

import io
import json
import socket
import zipfile
from typing import Any
from urllib.parse import urlsplit

import requests
from PIL import Image, ImageDraw

from tuneloop.emulator import EmulatorControl

SUBMIT = "/finetune/request/submit"


def dataset(pictures: int = 6, *, folder: str = "", colour: str = "firebrick") -> bytes:
    """A zip of small pictures: one figure before changing backgrounds."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for number in range(pictures):
            picture = Image.new("RGB", (96, 96), (200, 215 - 9 * number, 170 + 12 * (number % 6)))
            draw = ImageDraw.Draw(picture)
            draw.ellipse((34, 12 + number % 5, 62, 40), fill="goldenrod")
            draw.rectangle((28, 42, 68, 88), fill=colour)
            stored = io.BytesIO()
            picture.save(stored, "PNG")
            archive.writestr(f"{folder}{number:02}.png", stored.getvalue())
    return file.getvalue()


class Caller:
    """One session with the right key."""

    def __init__(self, emulator: EmulatorControl) -> None:
        self.origin = emulator.url
        self.session = requests.Session()
        self.session.trust_env = False
        self.api_key = emulator.api_key
        self.session.headers["x-api-key"] = self.api_key

    def call(self, method: str, path: str, **arguments: Any) -> requests.Response:
        return self.session.request(method, self.origin + path, timeout=20, **arguments)

    def place(self) -> dict[str, str]:
        """Both URLs of a new upload."""
        answer = self.call("GET", "/finetune/request/upload/pre-signed-url", json={"name": "set.zip"})
        return dict(answer.json())

    def upload(self, archive: bytes | None = None) -> str:
        place = self.place()
        content = dataset() if archive is None else archive
        assert requests.put(place["presigned_url"], data=content, timeout=20).status_code == 200
        return place["s3_url"]

    def order(self, s3_url: str, name: str = "harbour", **parameters: Any) -> dict[str, Any]:
        """The body of a submit."""
        return {
            "name": name,
            "data_source_path": s3_url,
            "instance_prompt": "HRBR figure",
            "trigger_word": "HRBR",
            "base_model": "FLUX",
            "train_type": "LORA",
            "machine_type": "NVIDIA_L40S",
            "theme": "FLUX",
            "segmind_public": False,
            "advance_parameters": parameters,
        }

    def submit(self, s3_url: str, name: str = "harbour", **parameters: Any) -> requests.Response:
        return self.call("POST", SUBMIT, json=self.order(s3_url, name, **parameters))

    def train(self, archive: bytes | None = None, name: str = "harbour", **parameters: Any) -> str:
        """The id of an accepted training."""
        return str(self.submit(self.upload(archive), name, **parameters).json()["finetune_id"])

    def details(self, job_id: str) -> dict[str, Any]:
        answer = self.call("GET", "/finetune/request/details", json={"request_id": job_id})
        return dict(answer.json()["finetune"])

    def listed(self) -> list[dict[str, Any]]:
        return list(self.call("GET", "/finetune/request/list").json())

    def weights_link(self, job_id: str) -> str:
        form = {"cloud_storage_url": self.details(job_id)["cloud_storage_url"]}
        return self.call("GET", "/finetune/request/file/download", data=form).text

    def picture(self, model_id: str, **changed: Any) -> requests.Response:
        body = {
            "prompt": "HRBR figure on the beach",
            "finetune_id": model_id,
            "steps": 25,
            "seed": 11,
            "scheduler": "simple",
            "sampler_name": "euler",
            "aspect_ratio": "1:1",
            "lora_strength": 1,
        }
        return self.call("POST", "/v1/flux-dev-finetuned", json={**body, **changed})

    def raw(self, method: str, target: str, body: bytes, *, send: int) -> socket.socket:
        """Send a request by hand, of its body only the first `send` bytes, and leave the socket open."""
        host = urlsplit(self.origin)
        head = (
            f"{method} {target} HTTP/1.1",
            f"Host: {host.netloc}",
            f"x-api-key: {self.api_key}",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
        )
        connection = socket.create_connection((host.hostname or "", host.port or 0), timeout=20)
        connection.sendall("\r\n".join(head).encode() + b"\r\n\r\n" + body[:send])
        return connection

    def raw_submit(self, s3_url: str, *, missing: int) -> socket.socket:
        """Send a submit by hand, without its last `missing` bytes."""
        body = json.dumps(self.order(s3_url)).encode()
        return self.raw("POST", SUBMIT, body, send=len(body) - missing)
