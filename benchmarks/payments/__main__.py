"""The same lost answers for three clients of fal: how many trainings does each pay for?

`make bench-payments`, or `python -m benchmarks.payments [--json FILE]`
"""

from __future__ import annotations

import argparse
import io
import json
import logging
import tempfile
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path

import requests
from PIL import Image
from prefect.settings import PREFECT_SERVER_ANALYTICS_ENABLED, temporary_settings
from prefect.testing.utilities import prefect_test_harness
from rich.console import Console
from rich.table import Table

from benchmarks.payments.clients import CLIENTS, TIMEOUT_S, TRAINER, Client
from tuneloop.emulator import EmulatorControl, Fault, Progress, running_emulator

_PATH = f"/{TRAINER}"
FAULTS: dict[str, Fault | None] = {
    "nothing": None,
    "answer lost": Fault("cut_after_effect", _PATH),
    "answer lost three times": Fault("cut_after_effect", _PATH, times=3),
    "answer after the time-out": Fault("slow", _PATH, delay_s=1.5 * TIMEOUT_S),
    "502 of the gateway, accepted": Fault("fail_after_effect", _PATH, status=502, body="html"),
    "503 of the gateway, accepted": Fault("fail_after_effect", _PATH, status=503, body="html"),
    "503 of the gateway, not accepted": Fault("refuse", _PATH, status=503, body="html"),
}
"""What the next submits meet. Few enough that a client which pauses ever longer comes to its end."""


@dataclass(frozen=True)
class Case:
    """One client that has met one fault."""

    client: str
    fault: str
    paid: int
    """Trainings on the bill; 1 is right, and 0 waits for a person."""


def main() -> None:
    """Play every case and show the bills."""
    parser = argparse.ArgumentParser(prog="bench-payments", description=__doc__)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    arguments = parser.parse_args()
    logging.disable(logging.CRITICAL)  # Prefect's account of every try
    with temporary_settings({PREFECT_SERVER_ANALYTICS_ENABLED: False}), prefect_test_harness():
        cases = [
            Case(name, fault, _paid(client, FAULTS[fault])) for fault in FAULTS for name, client in CLIENTS.items()
        ]
    _show(cases)
    if arguments.json:
        arguments.json.write_text(json.dumps({"cases": [asdict(case) for case in cases]}, indent=1) + "\n")


def _paid(client: Client, fault: Fault | None) -> int:
    """Let a client submit one training, and return how many are on the bill."""
    with (
        tempfile.TemporaryDirectory() as folder,
        running_emulator("fal", Path(folder), progress=Progress.at_once()) as emulator,
    ):
        dataset = _uploaded(emulator)
        if fault is not None:
            emulator.inject(fault)
        client(emulator.url, emulator.api_key, dataset)
        return sum(entry.kind == "training" for entry in emulator.billing())


def _uploaded(emulator: EmulatorControl) -> str:
    zipped, image = io.BytesIO(), io.BytesIO()
    Image.new("RGB", (64, 64), "teal").save(image, "PNG")
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("00.png", image.getvalue())
    place = requests.post(
        f"{emulator.url}/storage/upload/initiate?storage_type=fal-cdn-v3",
        headers={"Authorization": f"Key {emulator.api_key}"},
        json={"file_name": "0123456789abcdef-g1.zip", "content_type": "application/zip"},
        timeout=60,
    ).json()
    requests.put(place["upload_url"], data=zipped.getvalue(), timeout=60).raise_for_status()
    return str(place["file_url"])


def _show(cases: list[Case]) -> None:
    table = Table(title="Trainings paid for one that was wanted")
    table.add_column("what happens to the submit")
    for client in CLIENTS:
        table.add_column(client, justify="right")
    for fault in FAULTS:
        table.add_row(fault, *(str(case.paid) for case in cases if case.fault == fault))
    console = Console()
    console.print(table)
    console.print("0: the training is held, and a person is asked whether to send it again.")


if __name__ == "__main__":
    main()
