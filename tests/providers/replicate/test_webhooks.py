"""Replicate's webhook calls: signed with the account's secret, which is asked for."""

from __future__ import annotations

import base64
import json

import pytest
from standardwebhooks.webhooks import Webhook

from tests.emulator.public_files import serving
from tests.emulator.webhook_receiver import receiving
from tests.providers.replicate.jobs import KEY, submit
from tuneloop.clock import now
from tuneloop.emulator import EmulatorControl, Fault, Progress
from tuneloop.errors import (
    ProviderUnavailable,
)
from tuneloop.http.retries import TICK_POLICY
from tuneloop.providers import kept_answer
from tuneloop.providers.replicate.client import ReplicateProvider


def test_webhook_of_three_megabytes_is_verified_by_the_accounts_secret_and_forgeries_are_not(
    provider: ReplicateProvider, emulator: EmulatorControl
) -> None:
    with receiving() as receiver:
        announcing = ReplicateProvider(emulator.api_key, base_url=emulator.url, webhook=receiver.url)
        emulator.progress(Progress.after_seconds(60))
        emulator.switch(webhook_forged=True)
        job = submit(announcing)
        (forged,) = receiver.wait(1)
        emulator.show_job(job.job_id, logs="x" * 3_000_000)
        emulator.advance(120)
        call = receiver.wait(2)[1]
    assert call.body["status"] == "succeeded"
    secret = "whsec_" + "ab" * 16
    assert provider.verify_webhook(call.headers, call.content, None)
    assert not provider.verify_webhook(call.headers, call.content, secret)
    assert not provider.verify_webhook(call.headers, call.content.replace(b"succeeded", b"failed"), None)
    assert not provider.verify_webhook(forged.headers, forged.content, None)
    late = {**call.headers, "webhook-timestamp": str(int(call.headers["webhook-timestamp"]) - 301)}
    assert not provider.verify_webhook(late, call.content, None)
    assert not provider.verify_webhook({}, call.content, None)
    asked = [entry for entry in emulator.requests() if entry.path == "/v1/webhooks/default/secret"]
    assert len(asked) == 1


def test_secret_that_was_replaced_is_asked_for_again_after_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = (f"whsec_{base64.b64encode(bytes([number]) * 24).decode()}" for number in (1, 2))
    at = now()
    signature = Webhook(new).sign("m1", at, "{}")
    headers = {"webhook-id": "m1", "webhook-timestamp": str(int(at.timestamp())), "webhook-signature": signature}
    files = {"/v1/webhooks/default/secret": json.dumps({"key": old}).encode()}
    with serving(files) as origin:
        provider = ReplicateProvider(KEY, base_url=origin)
        assert not provider.verify_webhook(headers, b"{}", None)
        files["/v1/webhooks/default/secret"] = json.dumps({"key": new}).encode()
        assert not provider.verify_webhook(headers, b"{}", None)
        assert provider.requests_made == 1
        monkeypatch.setattr(kept_answer, "ASKED_AGAIN_S", 0)
        assert provider.verify_webhook(headers, b"{}", None)


def test_call_cannot_be_verified_while_the_secret_cannot_be_had(emulator: EmulatorControl) -> None:
    provider = ReplicateProvider(emulator.api_key, base_url=emulator.url, policy=TICK_POLICY)
    emulator.inject(Fault("refuse", "/v1/webhooks", "GET", status=503))
    with pytest.raises(ProviderUnavailable):
        provider.verify_webhook({}, b"{}", None)
