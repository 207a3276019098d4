"""Webhooks that the emulated providers send."""
