"""Webhooks of the emulated fal, verified as its page says."""

import base64
import hashlib
import time

import pytest
import requests
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from tests.emulator.fal_caller import FLUX, FalCaller
from tests.emulator.webhook_receiver import Received, Receiver
from tuneloop.emulator import EmulatorControl, Progress


@pytest.fixture
def caller(fal: EmulatorControl) -> FalCaller:
    return FalCaller(fal)


def signed(fal: EmulatorControl, delivery: Received) -> list[bool]:
    """Whether each of the published keys verifies a delivery."""
    headers = {name.lower(): value for name, value in delivery.headers.items()}
    lines = [headers[f"x-fal-webhook-{name}"] for name in ("request-id", "user-id", "timestamp")]
    message = "\n".join([*lines, hashlib.sha256(delivery.content).hexdigest()]).encode()
    found = []
    for key in requests.get(f"{fal.url}/.well-known/jwks.json", timeout=60).json()["keys"]:
        public = Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(key["x"] + "="))
        try:
            public.verify(bytes.fromhex(headers["x-fal-webhook-signature"]), message)
            found.append(True)
        except InvalidSignature:
            found.append(False)
    assert abs(time.time() - int(headers["x-fal-webhook-timestamp"])) < 300
    return found


def test_the_end_of_a_training_is_sent_and_signed(
    fal: EmulatorControl, caller: FalCaller, receiver: Receiver
) -> None:
    accepted = caller.train(f"{FLUX}?fal_webhook={receiver.url}")
    (delivery,) = receiver.wait(1)
    assert delivery.body == {
        "request_id": accepted["request_id"],
        "gateway_request_id": accepted["request_id"],
        "status": "OK",
        "payload": caller.result(accepted).json(),
    }
    assert signed(fal, delivery) == [False, True]
    assert requests.head(delivery.body["payload"]["diffusers_lora_file"]["url"], timeout=60).status_code == 200


def test_a_failed_training_is_sent_with_its_error(caller: FalCaller, receiver: Receiver) -> None:
    accepted = caller.train(f"{FLUX}?fal_webhook={receiver.url}", b"no zip")
    (delivery,) = receiver.wait(1)
    assert (delivery.body["status"], delivery.body["error"]) == ("ERROR", "Invalid status code: 422")
    assert delivery.body["payload"] == caller.result(accepted).json()


def test_a_forged_delivery_is_signed_by_none_of_the_keys(
    fal: EmulatorControl, caller: FalCaller, receiver: Receiver
) -> None:
    fal.progress(Progress.after_seconds(3600))
    fal.switch(webhook_forged=True)
    caller.train(f"{FLUX}?fal_webhook={receiver.url}")
    (delivery,) = receiver.wait(1)
    assert (delivery.body["status"], signed(fal, delivery)) == ("OK", [False, False])


def test_the_end_of_an_image_is_sent_when_it_has_come(
    fal: EmulatorControl, caller: FalCaller, receiver: Receiver
) -> None:
    weights = caller.weights(caller.train())
    fal.switch(image_s=3600)
    accepted = caller.draw(weights, f"fal-ai/flux-lora?fal_webhook={receiver.url}")
    fal.advance(3600)
    (delivery,) = receiver.wait(1)
    assert delivery.body["payload"] == caller.result(accepted).json()
    assert signed(fal, delivery) == [False, True]
