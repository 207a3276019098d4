"""What a failed request says about the configuration, the network, or the other side."""

from __future__ import annotations

import os
import re
from urllib.parse import urlsplit

import requests
from requests import exceptions
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from tuneloop.http.sessions import ResponseTooSlow

_TUNNEL = re.compile(r"Tunnel connection failed: ([1-5]\d\d)")
_BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


def configuration_fault(error: Exception, url: str) -> str | None:
    """The setting to correct before such a request can succeed; None where settings are not to blame.

    The library's own texts hold whole addresses and headers, so none is shown.
    """
    text = str(error)
    if isinstance(error, exceptions.ProxyError) or "SOCKS" in text:
        return _proxy_fault(text, url)
    if isinstance(error, exceptions.InvalidHeader | UnicodeError):
        return "the API key holds a character that no header can carry; paste it into the credentials block again"
    if isinstance(error, OSError) and ("TLS CA certificate bundle" in text or "[X509" in text):
        bundle = next((name for name in _BUNDLES if os.environ.get(name)), _BUNDLES[0])
        return f"{bundle}={os.environ.get(bundle, '')} is no readable bundle of certificates; correct or unset it"
    if isinstance(error, exceptions.SSLError) and "CERTIFICATE_VERIFY_FAILED" in text:
        return _untrusted(text, url)
    return _malformed(url) if isinstance(error, ValueError) else None


def _proxy_fault(text: str, url: str) -> str | None:
    if "SOCKS" in text and "dependencies" in text:
        return f"{proxy_of(url)} needs the package PySocks; install it, or use another proxy"
    tunnel = _TUNNEL.search(text)
    if tunnel is None:
        return f"{proxy_of(url)} cannot be reached; check that variable, or NO_PROXY, and the proxy"
    # A proxy that cannot reach the host, or is busy, is no matter of settings.
    return None if tunnel[1] >= "500" else f"{proxy_of(url)} responds {tunnel[1]}; check it and its password"


def outage(error: Exception) -> str:
    """What happened to a request, where the configuration is not to blame."""
    if isinstance(error, ResponseTooSlow):
        return str(error)
    if isinstance(error, requests.Timeout):
        return "it did not respond in time"
    if isinstance(error, exceptions.SSLError):
        return "the encrypted connection (TLS) broke"
    if isinstance(error, exceptions.ProxyError):
        return "the proxy could not reach it"
    return "the connection failed or was cut"


def never_connected(error: Exception) -> bool:
    """Return True if there was no connection over which anything could have been sent."""
    reason = getattr(error.args[0] if error.args else None, "reason", None)
    return isinstance(reason, NewConnectionError | ConnectTimeoutError)


def proxy_of(url: str) -> str:
    """Which variable names the proxy of an address, and what it says, without user and password."""
    scheme = url.partition(":")[0].lower()
    for name in (f"{scheme}_proxy", f"{scheme}_proxy".upper(), "all_proxy", "ALL_PROXY"):
        if value := os.environ.get(name):
            kind, found, rest = value.rpartition("://")
            return f"the proxy {name}={kind + found}{rest.rpartition('@')[2].split('?')[0]}"
    return "the proxy of the system's settings"


def is_proxied(url: str) -> bool:
    """Return True if an address is reached through a proxy."""
    try:
        return bool(requests.utils.select_proxy(url, requests.utils.get_environ_proxies(url)))
    except ValueError:
        return True


def _untrusted(text: str, url: str) -> str:
    why = re.search(r"certificate verify failed: ([^(\n]{1,120})", text)
    reason = f" ({why[1].strip()})" if why else ""
    return (
        f"the certificate of {urlsplit(url).hostname} is not trusted{reason}; check this machine's clock, and if "
        f"a proxy or server of yours signs it, name its authority's file in {_BUNDLES[0]}"
    )


def _malformed(url: str) -> str:
    try:
        requests.Request("GET", url).prepare()
        usable = urlsplit(url).scheme in {"http", "https"}
    except (exceptions.RequestException, ValueError):
        usable = False
    if usable:
        return f"{proxy_of(url)} is malformed; write it like http://proxy.example.com:3128"
    return "the address cannot be called; check the base URL"
