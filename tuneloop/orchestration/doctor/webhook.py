"""Is our receiver reached at the address that a provider is told to call?"""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import urlsplit

from tuneloop.errors import ConfigurationError, ProviderError, ProviderUnavailable, RequestRejected
from tuneloop.http.response import Response
from tuneloop.http.retries import TICK_POLICY
from tuneloop.http.transport import Transport
from tuneloop.operations.doctor.check import Check, ok, problem
from tuneloop.webhooks.account import READY

_START = "start `tuneloop webhooks`, and make its proxy forward to it"
_COMPARE = (
    "compare the block's webhook_url with what `tuneloop webhooks --print-urls` prints, and restart the receiver "
    "after a change"
)


def webhook_check(name: str, address: str) -> Check:
    """GET an address as a person would: the receiver says that it is ready, and nothing comes of it.

    No key is sent, and the address, a secret, is not shown.
    """
    secret = urlsplit(address).path.rpartition("/")[2]
    transport = Transport("the webhook address", address, None, _refusal, TICK_POLICY, (address, secret))
    try:
        body = transport.get(address).body
    except ProviderUnavailable as error:
        return problem(name, "nothing responds", f"{error.reason}; {_START}")
    except ProviderError as error:
        return problem(name, error.reason, f"{_START}; {_COMPARE}")
    except ConfigurationError as error:
        return problem(name, "cannot be called", str(error))
    if body != READY:
        return problem(name, "something else responds", f"{_START}; {_COMPARE}")
    return ok(name, "the receiver is ready")


def _refusal(response: Response) -> ProviderError:
    known = (
        "the receiver does not know it" if response.status == HTTPStatus.NOT_FOUND else "the call is not accepted"
    )
    return RequestRejected(f"{known} (status {response.status})", provider=response.provider)
