"""Every error Tuneloop raises on purpose, as one tree.

An error names the thing, the reason and the remedy, in this order. It never holds a key or a signed URL.
"""

from __future__ import annotations


class TuneloopError(Exception):
    """Root of all errors that Tuneloop raises on purpose."""


class ConfigurationError(TuneloopError, ValueError):
    """A block, a setting or a parameter cannot be used."""


class TrainerRetired(ConfigurationError):
    """The provider says that a trainer takes no such trainings any more; nothing was paid."""


class ClockWrong(ConfigurationError):
    """This host's clock is too far from the provider's for anything to be claimed by it."""


class DatasetError(TuneloopError, ValueError):
    """A dataset cannot be used; the message names each file, the reason and the remedy."""


class DatasetUnavailable(DatasetError):
    """A dataset's source did not respond with all of it; it may do so later."""


class StoreError(TuneloopError, OSError):
    """The artifact store rejected a request or broke its contract."""


class StoreUnavailable(StoreError):
    """The artifact store did not respond; it may do so later."""


class ObjectNotFound(StoreError):
    """Nothing in the store has this name."""


class NoStore(StoreError):
    """No store was created here, or it is not the place where one was made."""


class CorruptRecord(StoreError):
    """A stored record exists but cannot be read as what it should be. Unreadable is never absent."""


class LedgerError(TuneloopError):
    """The record of a training does not allow this step."""


class RecordConflict(LedgerError):
    """Another writer created the next record first; read the ledger again and decide again."""


class BudgetExceeded(LedgerError):
    """The account has no place left for another training."""


class DuplicateJob(LedgerError):
    """The provider has accepted two jobs under one name; both are recorded."""


class TrainingError(TuneloopError):
    """A training came to no usable model."""


class TrainingFailed(TrainingError):
    """The training has ended without weights, at the provider or before."""


class TrainingOnHold(TrainingError):
    """A training needs an approval, and this run cannot request one."""


class AmbiguousSubmit(TrainingError):
    """A submit ended without a clear response, and the job is not (yet) in the provider's list."""


class InvalidWeights(TrainingError):
    """Downloaded weights are not one whole safetensors file."""


class ProviderError(TuneloopError):
    """A provider responded with something other than success.

    Args:
        reason: One sentence: what failed and what to do.
        provider: Name of the provider.
        status: HTTP status, or None without a response.
        request_id: The provider's own id of the exchange, for its support.
        excerpt: Redacted beginning of the response's body.
    """

    def __init__(
        self,
        reason: str,
        *,
        provider: str,
        status: int | None = None,
        request_id: str | None = None,
        excerpt: str = "",
    ) -> None:
        self.reason = reason
        self.provider = provider
        self.status = status
        self.request_id = request_id
        self.excerpt = excerpt
        details = [f"provider {provider}", f"status {status if status is not None else 'none'}"]
        details.append(f"request id {request_id or 'none given'}")
        if excerpt:
            details.append(f"response: {excerpt}")
        super().__init__(f"{reason} ({'; '.join(details)})")


class ProviderUnavailable(ProviderError):
    """The provider did not respond, or with 5xx; another try may help.

    Args:
        reason: One sentence: what failed and what to do.
        retry_after_s: Seconds until the provider accepts requests again, where it says so.
        **details: As for `ProviderError`.
    """

    def __init__(self, reason: str, *, retry_after_s: float | None = None, **details: object) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(reason, **details)  # type: ignore[arg-type]


class RateLimited(ProviderUnavailable):
    """Too many requests: this one was not accepted."""


class PresignedUrlExpired(ProviderUnavailable):
    """A presigned URL was rejected, probably because it expired; a new one may be requested."""


class RequestRejected(ProviderError):
    """The provider rejected the request and said why: nothing was accepted, nothing is paid."""


class AuthenticationFailed(RequestRejected):
    """The API key is missing, wrong or not allowed to do this."""


class InsufficientCredits(RequestRejected):
    """The account cannot pay for the request."""


class NotFoundAtProvider(RequestRejected):
    """The provider has no such job, model or route (or does not show it yet)."""


class UnexpectedResponse(ProviderError):
    """The response is not as documented."""
