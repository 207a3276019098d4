"""Ids in Replicate's forms: 26 small letters and digits, and 64 hexadecimal digits for a version."""

import base64
import hashlib
import secrets


def new_id() -> str:
    """Return a new id of a training, a file or an image."""
    return base64.b32encode(secrets.token_bytes(16)).decode().lower().rstrip("=")


def version_of(job_id: str) -> str:
    """Return the version that a training makes at its destination."""
    return hashlib.sha256(f"version of {job_id}".encode()).hexdigest()
