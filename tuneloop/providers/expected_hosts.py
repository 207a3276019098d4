"""Where an address may lie that a provider hands out. The key is sent to none of them but the API itself."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit

from tuneloop.errors import UnexpectedResponse
from tuneloop.http.response import Response
from tuneloop.redaction import redact


class ExpectedHosts:
    """Hosts whose addresses are followed: the API itself, the provider's known ones, and those that a user adds.

    `owner` says what they are, such as `NAME's storage`.
    """

    def __init__(self, base_url: str, known: re.Pattern[str], owner: str, extra_hosts: tuple[str, ...]) -> None:
        self._base = urlsplit(base_url)
        self._known = known
        self._owner = owner
        self._extra_hosts = extra_hosts

    def check(self, url: str, field: str, response: Response) -> None:
        """Refuse an address of any other host; `field` is where the response has it.

        Raises:
            UnexpectedResponse: It is no https address, or one of another host.
        """
        parts = _split(url)
        if parts is None:
            raise UnexpectedResponse(f"{field} is no address, and so not {self._owner}", **response.details)
        if (parts.scheme, parts.netloc) == (self._base.scheme, self._base.netloc):
            return
        host = parts.netloc.removesuffix(":443")
        if parts.scheme == "https" and (self._known.fullmatch(host) or host in self._extra_hosts):
            return
        details = {**response.details, "excerpt": redact(f"{parts.scheme}://{parts.netloc}/…", response.secrets)}
        way = "" if parts.scheme == "https" else f" over {parts.scheme}"
        raise UnexpectedResponse(
            f"{field} points to {parts.hostname}{way}, which is not {self._owner}; if the provider has moved "
            "there, add that host to storage_hosts of the credentials block, else contact its support",
            **details,
        )


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        usable = parts.scheme and parts.hostname and not any(letter < " " for letter in url)
    except ValueError:
        return None
    return parts if usable else None
