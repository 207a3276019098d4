"""HTTP to providers.

What is repeated: GET and HEAD, as often as `RequestPolicy` says, on cut connections and on 429, 500, 502, 503 and
504, honouring Retry-After up to half a minute. What is never sent again by anything: POST and PUT, each on a
connection of its own. No redirect is followed: a redirected request would carry the key to another host.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import HTTPError

from tuneloop.clock import Deadline
from tuneloop.errors import (
    ConfigurationError,
    PresignedUrlExpired,
    ProviderError,
    ProviderUnavailable,
    TuneloopError,
    UnexpectedResponse,
)
from tuneloop.http.addresses import check_api_address, check_key, check_peers, validated
from tuneloop.http.bodies import DeadlineExceeded, MultipartFile, RequestBody, StreamingJsonBody, is_gzip
from tuneloop.http.failures import configuration_fault, is_proxied, never_connected, outage, proxy_of
from tuneloop.http.response import Response, StreamedResponse, lower_case, read_response
from tuneloop.http.retries import RUN_POLICY, RequestPolicy, retried
from tuneloop.http.sessions import ResponseTimeout, new_session
from tuneloop.redaction import guard_http_logs

CHUNK_BYTES = 1 << 20
DOCUMENT_BYTES = 32 << 20
"""Maximum size of an API's response."""
IMAGE_BYTES = 128 << 20
"""Maximum size of an image, also within JSON."""

_DONE = (200, 201, 204)
_ACCEPTED = (200, 201, 202)


class RequestNotSent(ProviderUnavailable):
    """The request did not reach the provider whole, so it had no effect."""


class Transport:
    """Requests to one provider, with time-outs, retries where harmless, and errors of ours.

    Args:
        provider: Its name, for errors.
        base_url: Where its API lives; the key is sent nowhere else, and in clear to this machine only.
        auth: Header that carries the key, the scheme before it ("" for the bare key), and the key itself; None
            where there is no key.
        map_error: Maps a response that is no success to an error.
        policy: Tries and time-outs.
        secrets: Values that must not be shown of a response, beside the key.
        only_public_peers: Refuse to connect to an address that is not public.

    Raises:
        ConfigurationError: The key or the base URL cannot be one.
    """

    def __init__(
        self,
        provider: str,
        base_url: str,
        auth: tuple[str, str, str] | None,
        map_error: Callable[[Response], ProviderError],
        policy: RequestPolicy = RUN_POLICY,
        secrets: tuple[str, ...] = (),
        *,
        only_public_peers: bool = False,
    ) -> None:
        guard_http_logs()
        self.provider = provider
        self.base_url = base_url.rstrip("/")
        self._key_header: dict[str, str] = {}
        self._secrets = secrets
        if auth is not None:
            header, scheme, key = auth
            self.base_url = validated(check_api_address, base_url, f"the base URL of {provider}")
            key = validated(check_key, key, f"the API key of {provider}")
            self._key_header[header] = f"{scheme} {key}" if scheme else key
            self._secrets = (key, *secrets)
        self._map_error = map_error
        self._policy = policy
        self.request_count = 0
        self.clock_offset_s: float | None = None
        """Seconds by which the API's clock is ahead of ours, to the second; None before it was heard."""
        self._session = new_session()
        if only_public_peers:
            check_peers(self._session)

    def call(
        self,
        method: str,
        path: str,
        *,
        accept: tuple[int, ...] = (200,),
        limit_bytes: int = DOCUMENT_BYTES,
        headers: Mapping[str, str] | None = None,
        **parts: Any,
    ) -> Response:
        """Call the provider's API.

        Args:
            method: HTTP method.
            path: Path below the base URL, starting with a slash.
            accept: Statuses that are no error here.
            limit_bytes: Maximum size of an accepted response.
            headers: Sent beside the key.
            **parts: `json`, `files`, `params` or `data` as requests takes them.

        Raises:
            ProviderError: The mapped error for every other response.
        """
        url, parts = self.base_url + path, {"headers": {**(headers or {}), **self._key_header}, **parts}
        if method in {"GET", "HEAD"}:
            response = self._read_only(method, url, accept, limit_bytes, **parts)
        else:
            with new_session() as session:
                response = self._send(session, method, url, accept, limit_bytes, **parts)
        self.clock_offset_s = response.clock_offset_s
        return response

    def post_once(
        self, path: str, body: StreamingJsonBody, deadline: Deadline, headers: Mapping[str, str] | None = None
    ) -> Response:
        """Send one paid POST, exactly once, on a fresh connection.

        Raises:
            RequestNotSent: The request did not leave whole: no effect.
            ProviderError: As mapped; what is neither `RequestRejected` nor `RateLimited` is ambiguous.
        """
        guarded = RequestBody(body.chunks, body.size_bytes, deadline)
        sent = {**(headers or {}), **self._key_header, "Content-Type": "application/json", "Connection": "close"}
        url = self.base_url + path
        with new_session() as session:
            try:
                return self._send(session, "POST", url, _ACCEPTED, headers=sent, data=guarded)
            except DeadlineExceeded:
                raise RequestNotSent(
                    "the submit was not sent: its deadline had passed", provider=self.provider
                ) from None
            except (ProviderUnavailable, ConfigurationError) as error:
                guarded.raise_own_error()
                reason = error.reason if isinstance(error, ProviderUnavailable) else str(error)
                if not guarded.last_byte_released and getattr(error, "status", None) is None:
                    raise RequestNotSent(f"the submit was not sent: {reason}", provider=self.provider) from None
                if isinstance(error, ProviderUnavailable):
                    raise
                raise ProviderUnavailable(reason, provider=self.provider) from None

    def post_file(self, path: str, form: MultipartFile, *, accept: tuple[int, ...]) -> Response:
        """POST a file to the provider's API, with the key; it costs nothing. Raises as `call`."""
        body = RequestBody(form, form.size_bytes)
        try:
            return self.call("POST", path, accept=accept, headers={"Content-Type": form.form_type}, data=body)
        except ProviderUnavailable:
            body.raise_own_error()
            raise

    def put_stream(
        self, url: str, chunks: Iterable[bytes], size_bytes: int, headers: Mapping[str, str] | None = None
    ) -> Response:
        """PUT a stream of known size to a presigned address; the key is not sent."""
        source = RequestBody(chunks, size_bytes)
        with new_session() as session:
            try:
                return self._send(
                    session, "PUT", url, _DONE, map_error=self._map_storage_error, headers=headers, data=source
                )
            except ProviderUnavailable:
                source.raise_own_error()
                raise

    def get(self, url: str, *, accept: tuple[int, ...] = (200,)) -> Response:
        """GET of a foreign address; the key is not sent."""
        return self._read_only("GET", url, accept)

    def head(self, url: str, *, accept: tuple[int, ...] = (200,)) -> Response:
        """HEAD of a foreign address; the key is not sent."""
        return self._read_only("HEAD", url, accept)

    def image(self, url: str, *, with_key: bool = False) -> bytes:
        """GET an image at a foreign address; the key is sent, and errors raised, as by `open_response`."""
        headers = self._key_for(url) if with_key else {}
        return self._read_only("GET", url, (200,), IMAGE_BYTES, self._map_storage_error, headers=headers).body

    @contextmanager
    def open_response(
        self, url: str, headers: Mapping[str, str], *, accept: tuple[int, ...] = (200,), with_key: bool = False
    ) -> Iterator[StreamedResponse]:
        """GET a foreign address and read its response as it comes in.

        The key is sent only `with_key`, and only where the address turns out to be on the API's own host.

        Raises:
            PresignedUrlExpired: The address is presigned, and its signature is not accepted any more.
        """
        sent = {**headers, **(self._key_for(url) if with_key else {})}
        with retried(lambda: self._opened(url, sent, accept), self._policy.tries) as response:
            yield StreamedResponse(response.status_code, lower_case(response.headers), self._chunks(response))

    def _key_for(self, url: str) -> dict[str, str]:
        address, base = urlsplit(url), urlsplit(self.base_url)
        return self._key_header if (address.scheme, address.netloc) == (base.scheme, base.netloc) else {}

    def _opened(self, url: str, headers: Mapping[str, str], accept: tuple[int, ...]) -> requests.Response:
        self.request_count += 1
        timeout = (self._policy.connect_s, self._policy.read_s)
        # Bytes as they lie there: sizes and ranges are those of the file.
        sent = {"Accept-Encoding": "identity", **headers}
        with self._mapped_errors(url), ResponseTimeout(self._policy.response_s):
            response = self._session.get(url, headers=sent, stream=True, allow_redirects=False, timeout=timeout)
            if response.status_code not in accept:
                with response:
                    raise self._map_storage_error(self._read(response, None))
        return response

    def _chunks(self, response: requests.Response) -> Iterator[bytes]:
        with self._mapped_errors(response.url):
            for number, chunk in enumerate(response.raw.stream(CHUNK_BYTES, decode_content=False)):
                if number == 0 and is_gzip(chunk, response.headers.get("content-encoding", "")):
                    raise UnexpectedResponse(
                        "the file came encoded as gzip (Content-Encoding), though that was not requested; "
                        "a server or proxy on the way encodes it",
                        provider=self.provider,
                        status=response.status_code,
                    )
                yield chunk

    def _read_only(self, *request: Any, **parts: Any) -> Response:
        """Send a GET or HEAD, again where trouble may pass."""
        return retried(lambda: self._send(self._session, *request, **parts), self._policy.tries)

    def _send(
        self,
        session: requests.Session,
        method: str,
        url: str,
        accept: tuple[int, ...],
        limit_bytes: int = DOCUMENT_BYTES,
        map_error: Callable[[Response], ProviderError] | None = None,
        **parts: Any,
    ) -> Response:
        self.request_count += 1
        # The library takes the time-out for connecting for every piece of a body too, and lines stand still.
        connect_s = self._policy.read_s if "data" in parts else self._policy.connect_s
        parts |= {"allow_redirects": False, "timeout": (connect_s, self._policy.read_s), "stream": True}
        with (
            self._mapped_errors(url, method),
            ResponseTimeout(self._policy.response_s),
            session.request(method, url, **parts) as opened,
        ):
            accepted = opened.status_code in accept
            response = self._read(opened, limit_bytes if accepted else None)
        if not accepted:
            raise (map_error or self._map_error)(response)
        return response

    def _read(self, response: requests.Response, limit_bytes: int | None) -> Response:
        return read_response(response, self.provider, self._secrets, limit_bytes)

    @contextmanager
    def _mapped_errors(self, url: str, method: str = "GET") -> Iterator[None]:
        """Turn the library's errors into ours; theirs hold whole addresses, so none is chained."""
        try:
            yield
        except TuneloopError:
            raise
        # Nearly all of them are OSErrors too: which it is, is told within.
        except (requests.RequestException, HTTPError, OSError, ValueError) as error:
            fault = configuration_fault(error, url)
            if fault is not None:
                raise ConfigurationError(f"{self.provider} cannot be called: {fault}") from None
            unavailable = self._unavailable(outage(error), url)
            if method == "POST" and never_connected(error):
                raise RequestNotSent(unavailable.reason, provider=self.provider) from None
            raise unavailable from None

    def _map_storage_error(self, response: Response) -> ProviderError:
        """The error of a response from a presigned URL. Source: Amazon S3, list of error codes."""
        # An address that was signed with keys for some hours ends with them, by another status.
        if response.status == 403 or (response.status == 400 and b"<Code>ExpiredToken<" in response.body):  # noqa: PLR2004
            reason = "the presigned URL was rejected, probably because it expired"
            return PresignedUrlExpired(reason, **response.details)
        if response.status == 400 and b"<Code>RequestTimeout<" in response.body:  # noqa: PLR2004
            return ProviderUnavailable("the transfer was too slow for too long; run again", **response.details)
        return self._map_error(response)

    def _unavailable(self, what: str, url: str) -> ProviderUnavailable:
        host = urlsplit(url).netloc.rpartition("@")[2]
        through = f", through {proxy_of(url)}" if is_proxied(url) else ""
        return ProviderUnavailable(
            f"{what}; check the network and {host}{through}, then run again", provider=self.provider
        )
