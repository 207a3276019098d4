"""Stored configuration and secrets, and what they open."""
