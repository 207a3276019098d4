"""fal's webhook calls are taken by their signature only: a key that fal publishes, these bytes, and about now."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.contract.conftest import recipe_named
from tests.emulator.public_files import serving
from tests.emulator.webhook_receiver import receiving
from tuneloop.clock import Deadline
from tuneloop.datasets.archive import DatasetArchive
from tuneloop.emulator import Progress, running_emulator
from tuneloop.errors import ProviderUnavailable
from tuneloop.http.retries import RequestPolicy
from tuneloop.providers import kept_answer
from tuneloop.providers.fal.client import FalProvider

BODY = b'{"request_id": "r1", "status": "OK", "payload": {}}'
JWKS = "/.well-known/jwks.json"


def jwks(*keys: Ed25519PrivateKey) -> bytes:
    texts = [base64.urlsafe_b64encode(key.public_key().public_bytes_raw()).decode().rstrip("=") for key in keys]
    return json.dumps({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": text} for text in texts]}).encode()


def signed(key: Ed25519PrivateKey, body: bytes = BODY, age_s: float = 0) -> dict[str, str]:
    """The headers of a call, as the page describes them."""
    sent_at = str(int(time.time() - age_s))
    message = "\n".join(["r1", "u1", sent_at, hashlib.sha256(body).hexdigest()]).encode()
    return {
        "X-Fal-Webhook-Request-Id": "r1",
        "X-Fal-Webhook-User-Id": "u1",
        "X-Fal-Webhook-Timestamp": sent_at,
        "X-Fal-Webhook-Signature": key.sign(message).hex(),
    }


@pytest.fixture
def key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


@pytest.fixture
def files(key: Ed25519PrivateKey) -> dict[str, bytes]:
    return {JWKS: jwks(Ed25519PrivateKey.generate(), key)}


@pytest.fixture
def client(files: dict[str, bytes]) -> Iterator[FalProvider]:
    with serving(files) as origin:
        yield FalProvider("a-key", base_url=origin, policy=RequestPolicy(tries=1))


def test_call_is_taken_by_any_published_key_and_by_nothing_else(
    client: FalProvider, key: Ed25519PrivateKey
) -> None:
    good = signed(key)
    assert client.verify_webhook(good, BODY, None)
    assert client.verify_webhook({name.lower(): text for name, text in good.items()}, BODY, None)
    assert not client.verify_webhook(good, BODY + b" ", None)
    assert not client.verify_webhook(signed(Ed25519PrivateKey.generate()), BODY, None)
    assert not client.verify_webhook({**good, "X-Fal-Webhook-User-Id": "u2"}, BODY, None)


@pytest.mark.parametrize(("age_s", "taken"), [(290, True), (310, False), (-310, False)])
def test_call_is_taken_within_five_minutes(
    client: FalProvider, key: Ed25519PrivateKey, age_s: float, taken: bool
) -> None:
    assert client.verify_webhook(signed(key, age_s=age_s), BODY, None) is taken


def test_call_with_an_endless_time_is_not_taken(client: FalProvider, key: Ed25519PrivateKey) -> None:
    assert not client.verify_webhook({**signed(key), "X-Fal-Webhook-Timestamp": "9" * 400}, BODY, None)


@pytest.mark.parametrize("name", [*signed(Ed25519PrivateKey.generate())])
def test_call_without_a_header_or_with_a_garbled_one_is_not_taken(
    client: FalProvider, key: Ed25519PrivateKey, name: str
) -> None:
    headers = signed(key)
    assert not client.verify_webhook({**headers, name: "garbled"}, BODY, None)
    del headers[name]
    assert not client.verify_webhook(headers, BODY, None)


def test_keys_are_asked_for_once_and_again_after_they_were_replaced(
    client: FalProvider, key: Ed25519PrivateKey, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        assert client.verify_webhook(signed(key), BODY, None)
    assert client.requests_made == 1
    new = Ed25519PrivateKey.generate()
    files[JWKS] = jwks(new)
    assert not client.verify_webhook(signed(new), BODY, None)
    assert client.requests_made == 1
    monkeypatch.setattr(kept_answer, "ASKED_AGAIN_S", 0)
    assert client.verify_webhook(signed(new), BODY, None)
    assert not client.verify_webhook(signed(key), BODY, None)


def test_call_cannot_be_verified_while_the_keys_cannot_be_had_and_few_calls_ask_for_them(
    client: FalProvider, key: Ed25519PrivateKey, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    published = files.pop(JWKS)
    for _ in range(3):
        with pytest.raises(ProviderUnavailable, match="keys that webhook calls are verified with"):
            client.verify_webhook(signed(key), BODY, None)
    assert client.requests_made == 1
    files[JWKS] = published
    monkeypatch.setattr(kept_answer, "ASKED_AGAIN_S", 0)
    assert client.verify_webhook(signed(key), BODY, None)


def test_call_about_the_end_of_a_training_is_verified(tmp_path: Path, archive: DatasetArchive) -> None:
    with (
        receiving() as receiver,
        running_emulator("fal", tmp_path / "fal", progress=Progress.at_once()) as control,
    ):
        client = FalProvider(control.api_key, base_url=control.url, webhook_url=receiver.url)
        recipe = recipe_named("fal-flux-lora")
        job = client.submit("n-g1", recipe, client.deliver("n-g1", archive), Deadline(60))
        client.get_job(job)
        (call,) = receiver.wait(1)
        assert call.body["request_id"] == job.job_id
        assert client.verify_webhook(call.headers, call.content, None)
        assert not client.verify_webhook(call.headers, call.content.replace(b"OK", b"KO"), None)
