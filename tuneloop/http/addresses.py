"""Which addresses are contacted: where an API key may be sent, and how private networks are kept out."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any
from urllib.parse import urlsplit

from tuneloop.errors import ConfigurationError, DatasetError
from tuneloop.settings import Settings

_HOST_NAME = re.compile(r"(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]")
_NAT64 = ip_network("64:ff9b::/96")


def check_api_address(value: str) -> str:
    """Return an API's base URL without white space or a trailing slash: https, or http on this machine.

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
        raise ValueError(f"over http:// anyone between here and {host} can read the API key; write https://{host}")
    return value.rstrip("/")


def check_webhook_address(value: str) -> str:
    """Return an address at which providers call, without a trailing slash: https, or http on this machine.

    Raises:
        ValueError: It cannot be one; the message never shows its path, which is a secret.
    """
    try:
        parts = urlsplit(value.strip())
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError("the address is malformed; write it like https://hooks.example.com") from None
    if parts.scheme not in {"https", "http"} or not host:
        raise ValueError("the address must start with https:// and name a host, like https://hooks.example.com")
    if parts.scheme == "http" and not is_loopback(host):
        raise ValueError(
            f"over http:// anyone between a provider and {host} can read the secret path; write https://{host}"
        )
    return value.strip().rstrip("/")


def check_encrypted(address: str, what: str, shown: str) -> None:
    """Refuse an address that is reached over http:// beyond this machine.

    Args:
        address: A whole one, or empty.
        what: Whose address it is.
        shown: What would cross the network readable.

    Raises:
        ConfigurationError: It is not encrypted, and `TUNELOOP_ALLOW_PLAIN_HTTP` does not allow that.
    """
    parts = urlsplit(address)
    host = parts.hostname or ""
    if parts.scheme == "http" and not is_loopback(host) and not Settings().allow_plain_http:
        raise ConfigurationError(
            f"{what} is at http://{host}, so anyone between here and there can read {shown}: use https://, or set "
            "TUNELOOP_ALLOW_PLAIN_HTTP=true here if only you can read that network"
        )


def validated(check: Callable[[str], str], value: str, what: str) -> str:
    """Return what a check makes of a value; where it cannot be used, raise `ConfigurationError`."""
    try:
        return check(value)
    except ValueError as error:
        raise ConfigurationError(f"{what} cannot be used: {error}") from None


def is_loopback(host: str) -> bool:
    """Return True if a host is this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def check_key(value: str) -> str:
    """Return an API key without white space around it. Raises `ValueError`, which never shows the key."""
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
        raise ValueError(f"{value[:60]!r} is not a host name; write it like cdn.example.com, without https://")
    return name


def is_public(address: str) -> bool:
    """Return True if an IP address is one of the public internet."""
    ip = _embedded_ipv4(ip_address(address.partition("%")[0]))
    local = isinstance(ip, IPv6Address) and ip.is_site_local
    return ip.is_global and not ip.is_multicast and not ip.is_reserved and not local


def check_host(host: str) -> None:
    """Reject a host of which any address is in a private network. Raises `DatasetError`.

    It is the only check where a proxy connects, and an early one elsewhere: `check_peers` sees the connection.
    """
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return  # connecting will show what is wrong; a proxy may know more names
    for *_, address in found:
        _check(host, str(address[0]))


def check_peers(session: Any) -> None:
    """Let a requests session check the peer of each connection before a byte is sent.

    Names are resolved anew for each connection, and may lead elsewhere than a moment ago.
    """
    for adapter in session.adapters.values():
        manager: Any = getattr(adapter, "poolmanager", None)
        manager.pool_classes_by_scheme = {
            scheme: _checking(pool) for scheme, pool in manager.pool_classes_by_scheme.items()
        }


def _checking(pool: Any) -> Any:
    class Connection(pool.ConnectionCls):  # type: ignore[misc]  # the library's class that the session has
        def _new_conn(self) -> socket.socket:
            connected: socket.socket = super()._new_conn()
            try:
                _check(self.host, connected.getpeername()[0])
            except BaseException:
                connected.close()
                raise
            return connected

    return type(pool.__name__, (pool,), {"ConnectionCls": Connection})


def _check(host: str, address: str) -> None:
    if not is_public(address):
        raise DatasetError(
            f"{host} is at {address}, which is no public address: put the zip on a public server, or set "
            "TUNELOOP_ALLOW_PRIVATE_ADDRESSES=true where the flows run, if datasets may come from your own network"
        )


def _embedded_ipv4(ip: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address that an IPv6 address stands for, or the address itself."""
    if isinstance(ip, IPv6Address):
        if ip in _NAT64:
            return IPv4Address(int(ip) & 0xFFFFFFFF)
        return ip.ipv4_mapped or ip.sixtofour or ip
    return ip
