"""HTTP to providers: the only file that imports requests.

What is resent: GET and HEAD, up to three times, on cut connections and on 429, 500, 502, 503 and 504, honouring
Retry-After up to half a minute. What is never resent by anything: POST and PUT. No redirect is followed: a
redirected request would carry the key to another host.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError
from urllib3.util import Retry

from tuneloop.clock import Deadline
from tuneloop.errors import LinkExpired, ProviderError, ProviderUnavailable, TuneloopError, UnexpectedAnswer
from tuneloop.public_peer import check_peers
from tuneloop.redaction import excerpt, guard_http_logs
from tuneloop.request_body import BodyUntil, PaidBody, StreamedBody, TooLate

CONNECT_TIMEOUT_S = 10.0
READ_TIMEOUT_S = 60.0
RETRY_AFTER_LIMIT_S = 30
CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Answer:
    """One HTTP answer, read whole.

    Attributes:
        provider: Who answered.
        status: HTTP status.
        headers: Header names in lower case.
        body: The raw body.
        secrets: What must not be shown of it.
    """

    provider: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    secrets: tuple[str, ...]

    @property
    def request_id(self) -> str | None:
        """The provider's id of this exchange, where it sends one."""
        return self.headers.get("x-request-id") or self.headers.get("x-amz-request-id")

    @property
    def details(self) -> dict[str, Any]:
        """What every error about this answer says."""
        return {
            "provider": self.provider,
            "status": self.status,
            "request_id": self.request_id,
            "excerpt": excerpt(self.body, self.secrets),
        }

    def json(self) -> Any:
        """The body as JSON. Raises `UnexpectedAnswer` where it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            raise UnexpectedAnswer(
                "the answer should be JSON and is not; check the base URL", **self.details
            ) from None


@dataclass(frozen=True)
class StreamedAnswer:
    """One HTTP answer whose body is still to be read.

    Attributes:
        status: HTTP status.
        headers: Header names in lower case.
        chunks: The raw body; it raises where the body ends too early.
    """

    status: int
    headers: Mapping[str, str]
    chunks: Iterator[bytes]


_DONE = (200, 201, 204)
_REFUSED_BY_A_STORE = (400, 403)
"""What S3 and its like answer to a signed address whose time is over, or to an upload that stood still."""


class NotSent(ProviderUnavailable):
    """The request did not reach the provider whole, so it had no effect."""


class Transport:
    """Requests to one provider, with time-outs, retries where harmless, and errors of ours.

    Args:
        provider: Its name, for errors.
        base_url: Where its API lives; the key is sent nowhere else.
        key_header: Name and value of the header that carries the key.
        error_for: Maps an answer that is no success to an error.
    """

    def __init__(
        self,
        provider: str,
        base_url: str,
        key_header: tuple[str, str],
        error_for: Callable[[Answer], ProviderError],
    ) -> None:
        guard_http_logs()
        self.provider = provider
        self.base_url = base_url.rstrip("/")
        self._key_header = key_header
        self._error_for = error_for
        self.exchanges = 0
        """Requests that were made, without the library's own repetitions."""
        self.clock_offset_s: float | None = None
        """Seconds by which the API's clock is ahead of ours, to the second; None before it was heard."""
        self._session = _session(
            Retry(
                total=3,
                allowed_methods={"GET", "HEAD"},
                # 429 only with a Retry-After: without one, asking at once makes it worse.
                status_forcelist={500, 502, 503, 504},
                backoff_factor=0.3,
                backoff_jitter=0.2,
                redirect=0,
                raise_on_status=False,
                respect_retry_after_header=True,
                retry_after_max=RETRY_AFTER_LIMIT_S,
            )
        )

    def call(self, method: str, path: str, *, accept: tuple[int, ...] = (200,), **parts: Any) -> Answer:
        """Ask the provider's API.

        Args:
            method: HTTP method.
            path: Path below the base URL, starting with a slash.
            accept: Statuses that are no error here.
            **parts: `json`, `files`, `params` or `data` as requests knows them.

        Raises:
            ProviderError: The mapped error for every other answer.
        """
        headers = dict([self._key_header])
        answer = self._exchange(self._session, method, self.base_url + path, accept, headers=headers, **parts)
        self.clock_offset_s = _clock_offset(answer)
        return answer

    def post_once(self, path: str, body: PaidBody, deadline: Deadline) -> Answer:
        """Send one paid POST, exactly once, on a fresh connection.

        Raises:
            NotSent: The request did not leave whole: no effect.
            ProviderError: As mapped; what is neither `RequestRefused` nor `RateLimited` is ambiguous.
        """
        guarded = BodyUntil(body, deadline)
        headers = dict([self._key_header, ("Content-Type", "application/json"), ("Connection", "close")])
        with _session(Retry(0, redirect=0, raise_on_status=False)) as session:
            try:
                return self._exchange(session, "POST", self.base_url + path, (200,), headers=headers, data=guarded)
            except TooLate:
                raise NotSent("the submit was not sent: its deadline had passed", provider=self.provider) from None
            except ProviderUnavailable as error:
                if guarded.error is not None:
                    raise guarded.error from None
                if guarded.last_byte_released or error.status is not None:
                    raise
                raise NotSent(f"the submit was not sent: {error.reason}", provider=self.provider) from None

    def put_stream(self, url: str, chunks: Iterable[bytes], size_bytes: int) -> Answer:
        """PUT a stream of known size to a presigned address; the key is not sent."""
        source = StreamedBody(chunks, size_bytes)
        with _session(Retry(0, redirect=0, raise_on_status=False)) as session:
            try:
                answer = self._exchange(session, "PUT", url, (*_DONE, *_REFUSED_BY_A_STORE), data=source)
            except ProviderUnavailable:
                if source.error is not None:
                    raise source.error from None
                raise
        if answer.status not in _DONE:
            raise self._refused_by_a_store(answer)
        return answer

    def get(self, url: str, *, accept: tuple[int, ...] = (200,)) -> Answer:
        """GET of a foreign address; the key is not sent."""
        return self._exchange(self._session, "GET", url, accept)

    def only_public_peers(self) -> None:
        """Refuse to connect to an address that is not public, from now on."""
        check_peers(self._session)

    def head(self, url: str, *, accept: tuple[int, ...] = (200,)) -> Answer:
        """HEAD of a foreign address; the key is not sent."""
        return self._exchange(self._session, "HEAD", url, accept)

    @contextmanager
    def open_stream(self, url: str) -> Iterator[tuple[int | None, Iterator[bytes]]]:
        """GET a foreign address as a stream; the key is not sent.

        Yields:
            Size in bytes (None where the server does not say) and the chunks.
        """
        with self.open_answer(url, {}) as answer:
            length = answer.headers.get("content-length", "")
            yield (int(length) if length.isdecimal() else None), answer.chunks

    @contextmanager
    def open_answer(
        self, url: str, headers: Mapping[str, str], *, accept: tuple[int, ...] = (200,)
    ) -> Iterator[StreamedAnswer]:
        """GET a foreign address and read its answer as it comes in; the key is not sent.

        Args:
            url: The address.
            headers: Headers of the request.
            accept: Statuses that are no error here.

        Raises:
            LinkExpired: The address is signed, and its signature is not taken any more.
        """
        # Bytes as they lie there: sizes and ranges are those of the file.
        sent = {"Accept-Encoding": "identity", **headers}
        with self._mapped_errors(url):
            answer = self._session.get(
                url,
                headers=sent,
                stream=True,
                allow_redirects=False,
                timeout=(CONNECT_TIMEOUT_S, READ_TIMEOUT_S),
            )
        with answer:
            if answer.status_code not in accept:
                raise self._refused_by_a_store(self._read(answer))
            found = {name.lower(): value for name, value in answer.headers.items()}
            yield StreamedAnswer(answer.status_code, found, self._chunks(answer))

    def _chunks(self, answer: requests.Response) -> Iterator[bytes]:
        with self._mapped_errors(answer.url):
            yield from answer.raw.stream(CHUNK_BYTES, decode_content=False)

    def _exchange(
        self, session: requests.Session, method: str, url: str, accept: tuple[int, ...], **parts: Any
    ) -> Answer:
        self.exchanges += 1
        # The library takes the time-out for connecting for every piece of a body too, and lines stand still.
        connect_s = READ_TIMEOUT_S if "data" in parts else CONNECT_TIMEOUT_S
        with self._mapped_errors(url):
            response = session.request(
                method, url, allow_redirects=False, timeout=(connect_s, READ_TIMEOUT_S), **parts
            )
            answer = self._read(response)
        if answer.status not in accept:
            raise self._error_for(answer)
        return answer

    def _read(self, response: requests.Response) -> Answer:
        headers = {name.lower(): value for name, value in response.headers.items()}
        secrets = (self._key_header[1],)
        with self._mapped_errors(response.url):
            return Answer(self.provider, response.status_code, headers, response.content, secrets)

    @contextmanager
    def _mapped_errors(self, url: str) -> Iterator[None]:
        """Turn the library's errors into ours; theirs hold whole addresses, so none is chained."""
        try:
            yield
        except TuneloopError:
            raise
        except requests.Timeout:
            raise self._unavailable("it did not answer in time", url) from None
        except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError, HTTPError, OSError):
            raise self._unavailable("the connection failed or was cut", url) from None
        except requests.RequestException as error:
            raise self._unavailable(f"the request failed ({type(error).__name__})", url) from None

    def _refused_by_a_store(self, answer: Answer) -> ProviderError:
        """The error of an answer from a signed address. Source: Amazon S3, list of error codes."""
        # An address that was signed with keys for some hours ends with them, by another status.
        if answer.status == 403 or (answer.status == 400 and b"<Code>ExpiredToken<" in answer.body):  # noqa: PLR2004
            reason = "the signed address was refused, most likely because it has expired"
            return LinkExpired(reason, **answer.details)
        if answer.status == 400 and b"<Code>RequestTimeout<" in answer.body:  # noqa: PLR2004
            return ProviderUnavailable("too few bytes arrived for too long; run again", **answer.details)
        return self._error_for(answer)

    def _unavailable(self, what: str, url: str) -> ProviderUnavailable:
        host = urlsplit(url).netloc.rpartition("@")[2]
        return ProviderUnavailable(f"{what}; check the network and {host}, then run again", provider=self.provider)


def _clock_offset(answer: Answer) -> float | None:
    """How far the answer's `Date` (RFC 9110, 6.6.1) is ahead of our clock; None where it has none."""
    try:
        return parsedate_to_datetime(answer.headers.get("date", "")).timestamp() - time.time()
    except ValueError:
        return None


def _session(retry: Retry) -> requests.Session:
    session = requests.Session()
    adapter = HTTPAdapter(max_retries=retry)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session
