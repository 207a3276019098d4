"""Verifies Segmind's webhook calls. Segmind documents no signature: the secret path is all there is to check."""

from __future__ import annotations

from collections.abc import Mapping

from tuneloop.providers.webhook_body import json_object, named_job

_STEPS = """\
Paste it into Segmind's console: Developer, Webhooks, a webhook for fine-tuning.
Warning: Segmind allows one fine-tune webhook at a time. An old one must be deleted first, and whatever relies on
it then hears nothing more.
Segmind signs nothing: the address is the only proof. Its sample calls are answered with 200."""


def verify(_: Mapping[str, str], body: bytes, __: str | None) -> str | None:
    """Accept every call at the account's path, samples of the console too.

    Args:
        body: The raw body. Its fields are not documented, so the job's id may be missing.

    Returns:
        The id of the job that it is about, "" where it names none.
    """
    return named_job(json_object(body), "finetune_id", "request_id", "id")


def webhook_steps(_: bool, __: bool) -> list[str]:
    """What to do so that Segmind calls the address."""
    return _STEPS.splitlines()
