"""What identifies a training (key, account), and its job at the provider."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import datetime
from typing import Annotated, Literal, Protocol

from pydantic import AfterValidator, Field, JsonValue

from tuneloop.schemas.canonical import digest_of
from tuneloop.schemas.frozen import FrozenModel

_LABEL = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_JOB_NAME = re.compile(r"([0-9a-f]{16})-g([1-9][0-9]*)")


def is_slug(value: str) -> bool:
    """Return True if a name is safe in paths, addresses and job names."""
    return _LABEL.fullmatch(value) is not None


def validate_slug(value: str) -> str:
    """Accept a name that is safe in paths, addresses and job names."""
    if not is_slug(value):
        raise ValueError(
            f"{value!r} cannot be a name here: use 1 to 63 lowercase letters, digits and hyphens, "
            "starting with a letter or digit"
        )
    return value


Label = Annotated[str, AfterValidator(validate_slug)]
ModelName = Label


class Account(FrozenModel):
    """Whom the provider bills. Two keys of one account carry one label."""

    provider: Label
    label: Label = "default"

    @property
    def slug(self) -> str:
        """One word for paths, PROVIDER.LABEL."""
        return f"{self.provider}.{self.label}"


class TrainingIdentity(FrozenModel):
    """Inputs that identify a training. Equal identity means the same training, paid once."""

    dataset_digest: str
    """Digest of the dataset manifest, 64 hex digits."""
    recipe: JsonValue
    account: Account

    @property
    def key(self) -> str:
        """64 hex digits."""
        return digest_of(
            {
                "schema": 1,
                "dataset": self.dataset_digest,
                "recipe": self.recipe,
                "provider": self.account.provider,
                "account": self.account.label,
            }
        )


def job_name(key: str, attempt: int) -> str:
    """Name of a training's job at the provider; the job is found again by it."""
    return f"{key[:16]}-g{attempt}"


def parse_job_name(name: str) -> tuple[str, int] | None:
    """The stem and the attempt of a name of the form that `job_name` gives, None for any other."""
    match = _JOB_NAME.fullmatch(name)
    return (match.group(1), int(match.group(2))) if match else None


def is_job_name(name: str) -> bool:
    """Return True for a name of that form."""
    return parse_job_name(name) is not None


Handle = dict[str, str]
"""What a provider needs beside the id to find a job again, such as returned addresses or a second id."""


class KeptJob(Protocol):
    """A record, or a row of a list, that names a job."""

    @property
    def job_id(self) -> str: ...
    @property
    def handle(self) -> Handle: ...


class Submission(FrozenModel):
    """A submitted job. The submit returns it, the records keep it, and the provider is given it back."""

    job_id: str
    """The provider's id of the job."""
    handle: Handle = Field(default_factory=dict)
    """Given back to the provider whenever it is asked about the job; empty where the id is enough."""

    @classmethod
    def of(cls, kept: KeptJob) -> Submission:
        """The job that a record or a row names."""
        return cls(job_id=kept.job_id, handle=kept.handle)


Phase = Literal["running", "trained", "ready", "failed"]
"""`trained`: the weights exist. `ready`: the model can render as well."""


class JobStatus(FrozenModel):
    """What the provider says about one job."""

    job_id: str
    name: str
    phase: Phase
    provider_status: str
    known: bool = True
    """False if the provider does not document the status: it counts as running, or as failed where it can mean
    nothing else."""
    by_age: bool = False
    """The phase follows from the job's age alone: the provider has forgotten how it ended."""
    error_message: str | None = None
    billed: bool = False
    """It has failed, and the provider bills it, or may."""
    changed_at: datetime | None = None
    """When the job came to this state, by the provider's clock; None where it does not say."""
    handle: Handle = Field(default_factory=dict)
    """As in `Submission`, where the list shows it."""
    other_ids: frozenset[str] = frozenset()
    """Further ids of the same job, where the provider has more than one for it."""

    @property
    def ids(self) -> frozenset[str]:
        return self.other_ids | {self.job_id}

    def recorded_as(self, ids: Collection[str]) -> JobStatus:
        """The same job, under the one of its ids that is among those given."""
        known = sorted(self.other_ids.intersection(ids))
        if not known or self.job_id in ids:
            return self
        return self.model_copy(update={"job_id": known[0], "other_ids": self.ids - {known[0]}})


class JobList(FrozenModel):
    """Jobs of one account, from one list that was read to its end."""

    jobs: tuple[JobStatus, ...] = ()
    """The jobs that were asked for."""
    shown: frozenset[str] = frozenset()
    """Ids of every job in the list, also of those that were not asked for."""
    unreadable: dict[str, str] = Field(default_factory=dict)
    """Rows that carry a job's name and cannot be read otherwise: why not, by name. Such a job was accepted."""
    notes: tuple[str, ...] = ()
    """Rows that were skipped because they are not ours, a sentence each."""
    list_is_complete: bool = True
    """Absence proves that nothing was accepted. Not so of a list that names a further page, has a length at which
    lists are cut, or shows jobs without a name, or with one that may be ours in another form; and never at
    providers whose lists may lack accepted jobs."""

    def named(self, name: str) -> tuple[JobStatus, ...]:
        return tuple(job for job in self.jobs if job.name == name)

    def recorded_as(self, ids: Collection[str]) -> JobList:
        """The same list; a job that has several ids is under the one that is among those given."""
        return self.model_copy(update={"jobs": tuple(job.recorded_as(ids) for job in self.jobs)})


class RenderedImage(FrozenModel):
    """One image that a model rendered."""

    data: bytes = Field(repr=False)
    suffix: Literal[".jpg", ".png", ".webp"]
