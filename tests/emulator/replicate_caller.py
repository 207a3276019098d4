"""Speaks to the emulated Replicate by its own Python client, unchanged, and without it where that has no word."""

import io
from typing import Any

import requests
from replicate.client import Client
from replicate.training import Training

from tests.emulator.segmind_caller import dataset
from tuneloop.emulator import EmulatorControl

OWNER = "tuneloop-tests"
FLUX = "ostris/flux-dev-lora-trainer:26dce37af90b9d997eeb970d92e47de3064d46c300504ae376c75bef6a9022d2"
QWEN = "qwen/qwen-image-lora-trainer:f28eb39544f2c0dff4fbd9d50588fd75789f7ef26f6118456a96c2eedddddf90"
DATASETS = {FLUX: "input_images", QWEN: "dataset"}


class ReplicateCaller:
    """One session with the right token."""

    def __init__(self, emulator: EmulatorControl) -> None:
        self.origin = emulator.url
        self.client = Client(api_token=emulator.api_key, base_url=emulator.url)
        self.client.poll_interval = 0.01
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.headers["Authorization"] = f"Bearer {emulator.api_key}"

    def call(self, method: str, path: str, **arguments: Any) -> requests.Response:
        return self.session.request(method, self.origin + path, timeout=60, **arguments)

    def destination(self, name: str = "robots") -> str:
        self.client.models.create(OWNER, name, visibility="private", hardware="gpu-t4")
        return f"{OWNER}/{name}"

    def train(self, trainer: str = FLUX, destination: str = f"{OWNER}/robots", **changed: Any) -> Training:
        """An accepted training; its images are uploaded by the client itself."""
        made = {"input": {DATASETS[trainer]: io.BytesIO(dataset()), **changed.pop("input", {})}, **changed}
        return self.client.trainings.create(version=trainer, destination=destination, **made)
