"""The address under which a client sees the emulator, for the URLs in its answers."""

from starlette.requests import Request

_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


def origin_of(request: Request) -> str:
    """Return scheme and host of a request, such as `http://127.0.0.1:8787`.

    Behind a proxy, those that the client asked for: from X-Forwarded-Proto and X-Forwarded-Host, else from
    Host. The emulator itself listens on loopback only and speaks no TLS, so a foreign host name can only have
    come through a proxy, and one that does not say otherwise is taken to have spoken TLS.
    """
    headers = request.headers
    host = _first(headers.get("x-forwarded-host")) or headers.get("host") or request.url.netloc
    loopback = host.rpartition(":")[0] in _LOOPBACK or host in _LOOPBACK
    scheme = _first(headers.get("x-forwarded-proto")) or ("http" if loopback else "https")
    return f"{scheme}://{host}"


def _first(header: str | None) -> str:
    """Return the entry of the outermost of several proxies."""
    return (header or "").partition(",")[0].strip()
