"""Import a job that was submitted elsewhere into the ledger, in the state that the provider shows."""

from __future__ import annotations

from contextlib import suppress

from tuneloop.errors import ConfigurationError, NotFoundAtProvider, RecordConflict, TrainingError
from tuneloop.ledger.ledger import Ledger
from tuneloop.ledger.training import TrainingLog, is_revivable, record_progress
from tuneloop.providers.base import Provider
from tuneloop.schemas.recipe_fields import AdoptedRecipe
from tuneloop.schemas.records import RunRecord, Submitted
from tuneloop.schemas.training import JobStatus, Submission


def only_id(provider: Provider, recipe: AdoptedRecipe) -> str:
    """The id under which a job is adopted, whichever was given. Raises `ConfigurationError` for no such job."""
    return _status(provider, _named_job(provider, recipe)).job_id


def adopt(ledger: Ledger, provider: Provider, run: RunRecord, recipe: AdoptedRecipe) -> None:
    """Record a finished job of the account as the training of an adopting run. May be repeated.

    Raises:
        ConfigurationError: There is no such job.
        TrainingError: It cannot be rendered (yet).
    """
    job = _named_job(provider, recipe)
    status = _status(provider, job)
    if status.phase != "ready":
        raise TrainingError(
            f"fine-tune {job.job_id} is {status.provider_status} at {provider.name}, and only one that is ready "
            "to render can be adopted; "
            + ("it never will be" if status.phase == "failed" else "try again when it is")
        )
    # Before the record: from there on the sensor resumes it, and it finds runs by their markers.
    ledger.mark(run)
    training = TrainingLog.of(ledger, run)
    if training.last is None or is_revivable(training.last):
        with suppress(RecordConflict):  # two adopt the same job: they write the same
            handle = status.handle or job.handle
            training.append(Submitted(**training.header(), job_id=job.job_id, found_by="person", handle=handle))
    record_progress(ledger, run, status)


def _named_job(provider: Provider, recipe: AdoptedRecipe) -> Submission:
    return Submission(job_id=recipe.job_id, handle=provider.handle_for(recipe.job_id, recipe))


def _status(provider: Provider, job: Submission) -> JobStatus:
    try:
        return provider.get_job(job)
    except NotFoundAtProvider as error:
        raise ConfigurationError(
            f"{provider.name} has no fine-tune {job.job_id} in account {provider.account.label}: {error.reason}"
        ) from None
