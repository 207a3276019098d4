"""Where an API key may be sent, and what can be a key at all."""

from __future__ import annotations

import re
from ipaddress import ip_address
from urllib.parse import urlsplit

_HOST_NAME = re.compile(r"(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]")


def check_api_address(value: str) -> str:
    """Accept the address of an API that is asked with a key: https, or http on this machine.

    Returns:
        It, without white space around it and without a slash at its end.

    Raises:
        ValueError: It cannot be one; the message says why, and never shows a password in it.
    """
    value = value.strip()
    _check_printable(value, "the address")
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError("the address is malformed; write it like https://api.example.com") from None
    if parts.scheme not in {"https", "http"} or not host:
        raise ValueError("the address must start with https:// and name a host, like https://api.example.com")
    if "@" in parts.netloc or "?" in value or "#" in value:
        raise ValueError(f"the address of {host} must hold no user, password, question mark or #; leave them out")
    if parts.scheme == "http" and not is_loopback(host):
        raise ValueError(f"over http:// anybody on the way to {host} can read the API key; write https://{host}")
    return value.rstrip("/")


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def check_key(value: str) -> str:
    """Accept what can be an API key, without white space around it.

    Raises:
        ValueError: No header can carry it, or nothing is left; the message does not show it.
    """
    value = value.strip()
    if not value:
        raise ValueError("the key is empty; paste it from the provider's console")
    _check_printable(value, "the key")
    return value


def _check_printable(value: str, what: str) -> None:
    for place, letter in enumerate(value, 1):
        if not "!" <= letter <= "~":
            raise ValueError(
                f"character {place} of {what} is U+{ord(letter):04X}, which cannot be part of it; "
                "copy it again from where it is shown, not from a document"
            )


def check_host_name(value: str) -> str:
    """Accept a bare host name, such as cdn.example.com. Raises `ValueError`."""
    name = value.strip().lower()
    if not _HOST_NAME.fullmatch(name):
        raise ValueError(f"{value[:60]!r} is no host name; write it like cdn.example.com, without https://")
    return name
