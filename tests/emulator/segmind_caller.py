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


def dataset(images: int = 6, *, folder: str = "", color: str = "firebrick") -> bytes:
    """A zip of small images: one figure before changing backgrounds."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for number in range(images):
            image = Image.new("RGB", (96, 96), (200, 215 - 9 * number, 170 + 12 * (number % 6)))
            draw = ImageDraw.Draw(image)
            draw.ellipse((34, 12 + number % 5, 62, 40), fill="goldenrod")
            draw.rectangle((28, 42, 68, 88), fill=color)
            stored = io.BytesIO()
            image.save(stored, "PNG")
            # An entry of its own has a fixed time: the same images are the same zip.
            archive.writestr(zipfile.ZipInfo(f"{folder}{number:02}.png"), stored.getvalue())
    return file.getvalue()


def pairs(count: int = 4, *, named: str = "{:02}_{}.png") -> bytes:
    """A zip of images before and after the same edit: a red hat appears."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for number in range(count):
            for part in ("start", "end"):
                archive.writestr(zipfile.ZipInfo(named.format(number, part)), portrait(number, hat=part == "end"))
    return file.getvalue()


def portrait(number: int = 0, *, hat: bool = False) -> bytes:
    """An image of a head, on a background that depends on the number."""
    image = Image.new("RGB", (96, 96), (200, 215 - 9 * number, 170 + 12 * (number % 6)))
    draw = ImageDraw.Draw(image)
    draw.ellipse((30, 34, 66, 78), fill="goldenrod")
    if hat:
        draw.polygon([(26, 36), (70, 36), (48, 4)], fill="firebrick")
    stored = io.BytesIO()
    image.save(stored, "PNG")
    return stored.getvalue()


THEMES = {
    "FLUX": {"base_model": "FLUX", "theme": "FLUX", "machine_type": "NVIDIA_L40S", "trigger_word": "HRBR"},
    "KONTEXT": {"base_model": "FLUX", "theme": "KONTEXT", "machine_type": "NVIDIA_H100"},
    "QWEN": {"base_model": "QWEN", "theme": "QWEN", "machine_type": "NVIDIA_H100", "trigger_word": "HRBR"},
}
AS_BYTES = {"Accept": "image/*"}
"""How an image is asked for as what it is, and not within JSON."""
IMAGE = {
    "prompt": "HRBR figure on the beach",
    "steps": 25,
    "seed": 11,
    "scheduler": "simple",
    "sampler_name": "euler",
    "aspect_ratio": "1:1",
    "lora_strength": 1,
}


class Caller:
    """One session with the right key."""

    def __init__(self, emulator: EmulatorControl) -> None:
        self.origin = emulator.url
        self.session = requests.Session()
        self.session.trust_env = False
        self.api_key = emulator.api_key
        self.session.headers["x-api-key"] = self.api_key

    def call(self, method: str, path: str, **arguments: Any) -> requests.Response:
        return self.session.request(method, self.origin + path, timeout=60, **arguments)

    def place(self) -> dict[str, str]:
        """Both URLs of a new upload."""
        response = self.call("GET", "/finetune/request/upload/pre-signed-url", json={"name": "set.zip"})
        return dict(response.json())

    def upload(self, archive: bytes | None = None) -> str:
        place = self.place()
        content = dataset() if archive is None else archive
        assert requests.put(place["presigned_url"], data=content, timeout=60).status_code == 200
        return place["s3_url"]

    def order(
        self, s3_url: str, name: str = "harbour", *, theme: str = "FLUX", **parameters: Any
    ) -> dict[str, Any]:
        """The body of a submit."""
        return {
            "name": name,
            "data_source_path": s3_url,
            "instance_prompt": "HRBR figure",
            "train_type": "LORA",
            "segmind_public": False,
            **THEMES[theme],
            "advance_parameters": parameters,
        }

    def submit(
        self, s3_url: str, name: str = "harbour", *, theme: str = "FLUX", **parameters: Any
    ) -> requests.Response:
        return self.call("POST", SUBMIT, json=self.order(s3_url, name, theme=theme, **parameters))

    def train(
        self, archive: bytes | None = None, name: str = "harbour", *, theme: str = "FLUX", **parameters: Any
    ) -> str:
        """The id of an accepted training."""
        content = pairs() if archive is None and theme == "KONTEXT" else archive
        accepted = self.submit(self.upload(content), name, theme=theme, **parameters).json()
        return str(accepted["request_id" if theme == "QWEN" else "finetune_id"])

    def details(self, job_id: str) -> dict[str, Any]:
        response = self.call("GET", "/finetune/request/details", json={"request_id": job_id})
        return dict(response.json()["finetune"])

    def listed(self) -> list[dict[str, Any]]:
        return list(self.call("GET", "/finetune/request/list").json())

    def weights_link(self, job_id: str) -> str:
        form = {"cloud_storage_url": self.details(job_id)["cloud_storage_url"]}
        return self.call("GET", "/finetune/request/file/download", data=form).text

    def image(self, model_id: str, **changed: Any) -> requests.Response:
        body = {**IMAGE, "finetune_id": model_id, **changed}
        return self.call("POST", "/v1/flux-dev-finetuned", json=body, headers=AS_BYTES)

    def own_image(self, model_id: str, version: str = "v1", **changed: Any) -> requests.Response:
        """An image by the model's own endpoint."""
        slug = self.details(model_id)["slug"]
        return self.call("POST", f"/{version}/{slug}", json={**IMAGE, **changed}, headers=AS_BYTES)

    def queued(self, model_id: str, **changed: Any) -> dict[str, Any]:
        """The addresses of an image in the queue."""
        return dict(self.own_image(model_id, "v2", **changed).json())

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
        connection = socket.create_connection((host.hostname or "", host.port or 0), timeout=60)
        connection.sendall("\r\n".join(head).encode() + b"\r\n\r\n" + body[:send])
        return connection

    def raw_submit(self, s3_url: str, *, missing: int) -> socket.socket:
        """Send a submit by hand, without its last `missing` bytes."""
        body = json.dumps(self.order(s3_url)).encode()
        return self.raw("POST", SUBMIT, body, send=len(body) - missing)
