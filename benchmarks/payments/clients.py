"""Three ways to submit one training to fal, each as it is meant to be used."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any, cast
from urllib.parse import urlsplit

import fal_client.client
import requests
from prefect import flow, task

from tuneloop.clock import Deadline
from tuneloop.errors import ProviderUnavailable
from tuneloop.http.retries import RequestPolicy
from tuneloop.providers.base import DeliveredDataset
from tuneloop.providers.fal.client import FalProvider
from tuneloop.providers.registry import TRAINERS

TIMEOUT_S = 1.0
"""Of every client, for a response."""
TRAINER = "fal-ai/flux-lora-fast-training"
_RETRIES = 3

Client = Callable[[str, str, str], object]
"""Takes the service's address, its key, and the address of the dataset."""


def official_client(url: str, key: str, dataset: str) -> None:
    """fal-client, whose addresses are module constants."""
    module: Any = fal_client.client
    module.QUEUE_URL_FORMAT = f"{url}/"
    client = fal_client.SyncClient(key=key, default_timeout=TIMEOUT_S)
    client.submit(TRAINER, {"images_data_url": dataset})


@task(retries=_RETRIES, retry_delay_seconds=0)
def _submit(url: str, key: str, dataset: str) -> str:
    headers, body = {"Authorization": f"Key {key}"}, {"images_data_url": dataset}
    response = requests.post(f"{url}/{TRAINER}", headers=headers, json=body, timeout=TIMEOUT_S)
    response.raise_for_status()
    return cast("str", response.json()["request_id"])


@flow
def prefect_task(url: str, key: str, dataset: str) -> str:
    """A plain Prefect task with retries."""
    return _submit(url, key, dataset)


def tuneloop(url: str, key: str, dataset: str) -> None:
    """What a run of ours does: one POST, and after a lost answer a look for the job. It never sends again."""
    provider = FalProvider(key, base_url=url, policy=RequestPolicy(read_s=TIMEOUT_S, response_s=TIMEOUT_S))
    recipe = TRAINERS["fal-flux-lora"].model_validate(TRAINERS["fal-flux-lora"].example_for("ROBOX"))
    name = PurePosixPath(urlsplit(dataset).path).stem
    try:
        provider.submit(name, recipe, DeliveredDataset(dataset, 1), Deadline(60))
    except ProviderUnavailable:
        # Found, it is adopted; not found, the training is held for a person.
        provider.find(name.rpartition("-g")[0])


CLIENTS: dict[str, Client] = {
    "fal-client": official_client,
    "Prefect task": prefect_task,
    "Tuneloop": tuneloop,
}
