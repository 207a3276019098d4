"""Segmind's webhooks: it documents no signature, so that the secret path is all there is to check."""

from __future__ import annotations

_STEPS = (
    "Paste it into Segmind's console: Developer, Webhooks, a webhook for fine-tuning.",
    "Warning: Segmind allows one fine-tune webhook at a time. An old one must be deleted first.",
    "Whatever relies on the old one then gets no more calls.",
    "Segmind signs nothing: the address is the only proof. Its sample calls are answered with 200.",
)


def webhook_steps(_: bool, __: bool) -> list[str]:
    """What to do so that Segmind calls the address."""
    return list(_STEPS)
