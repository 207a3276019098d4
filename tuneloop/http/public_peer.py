"""Connections to public addresses only: nobody's dataset makes the worker read its own network."""

from __future__ import annotations

import ipaddress
import socket
from typing import Any

from tuneloop.errors import DatasetError

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def is_public(address: str) -> bool:
    """Tell whether an IP address is one of the public internet."""
    ip = _carried(ipaddress.ip_address(address.partition("%")[0]))
    local = isinstance(ip, ipaddress.IPv6Address) and ip.is_site_local
    return ip.is_global and not ip.is_multicast and not ip.is_reserved and not local


def check_host(host: str) -> None:
    """Refuse a host that any of its addresses shows to be in a private network.

    It is the only check where a proxy connects, and early words elsewhere: `check_peers` looks at the connection.

    Raises:
        DatasetError: Names the host, its address and the setting that allows it.
    """
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return  # whoever connects says what is wrong; a proxy may know more names
    for *_, address in found:
        _check(host, str(address[0]))


def check_peers(session: Any) -> None:
    """Let a session look at whom it has reached, after connecting and before a byte is sent.

    Names are resolved anew for each connection, and may lead elsewhere than a moment ago.

    Args:
        session: A session of requests.
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


def _carried(ip: _Address) -> _Address:
    """The IPv4 address that an IPv6 address stands for, or the address itself."""
    if isinstance(ip, ipaddress.IPv6Address):
        if ip in _NAT64:
            return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        return ip.ipv4_mapped or ip.sixtofour or ip
    return ip
