"""What every provider looks like from the rest of Tuneloop."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, ClassVar, Protocol

from tuneloop.clock import Deadline, now
from tuneloop.errors import ConfigurationError, ProviderUnavailable
from tuneloop.schemas.dataset import DatasetManifest
from tuneloop.schemas.frozen import FrozenModel
from tuneloop.schemas.ranged_source import RangedSource
from tuneloop.schemas.recipe_fields import BaseRecipe
from tuneloop.schemas.render_settings import ServiceSettings
from tuneloop.schemas.training import Account, Handle, JobList, JobStatus, RenderedImage, Submission

if TYPE_CHECKING:
    from tuneloop.http.transport import Transport


class SubmitMargins(FrozenModel):
    """How long a submit may stay ambiguous, in seconds: 0 but for the first where a name is taken only once."""

    claim_s: int = 60
    """From the claim to the last byte of the POST."""
    arrival_s: int = 120
    """From the last byte leaving to its arrival, or the provider's own read time-out."""
    late_acceptance_s: int = 600
    """From arrival to the job's creation."""
    list_lag_s: int = 300
    """From the job's creation to its showing in the list."""
    clock_skew_s: int = 60
    """Between two hosts of ours."""

    @property
    def ambiguous_for(self) -> timedelta:
        """From the claim's deadline until absence from the list means that nothing was submitted."""
        return timedelta(seconds=self.arrival_s + self.late_acceptance_s + self.list_lag_s + self.clock_skew_s)


class Capabilities(FrozenModel):
    """What a provider can do."""

    upload: bool
    """The dataset is uploaded before the submit; else it travels within it."""
    public_url: bool
    """The provider fetches a dataset from a public address."""
    list_has_status: bool
    """One list call shows the state of every job; else each job is asked for by itself."""
    list_is_complete: bool
    """A job that is absent from the list long enough was never accepted."""
    weights: bool
    """The trained weights can be downloaded; else the model is used by its id."""
    cancel: bool
    """A running job can be stopped."""
    visibility: bool
    """A model can be made public or private."""
    webhook: bool
    """The provider can tell of changes by itself."""
    takes_trainings: str
    """Whether it takes new trainings: `yes` or `no`, and what its own notices say about that."""

    @property
    def is_open(self) -> bool:
        """Whether it takes new trainings, by its own notices."""
        return self.takes_trainings.startswith("yes")


class OutgoingFile(Protocol):
    """A file of ours that a provider needs. It can be read again and again, with the same bytes each time."""

    @property
    def size_bytes(self) -> int:
        """Its size, known before it is read."""

    def chunks(self) -> Iterator[bytes]:
        """Its bytes, from the start."""

    def url(self) -> str | None:
        """An address at which anybody can fetch it for a day; None where the store has none. It is a secret."""


class JobNames(Protocol):
    """Where the names of jobs are kept that a provider tells only one by one."""

    def get(self, job_id: str) -> str | None:
        """The name of a job, None where nobody has asked yet."""

    def keep(self, job_id: str, name: str) -> None:
        """Keep a name; it never changes."""


@dataclass(frozen=True)
class DeliveredDataset:
    """A dataset as the submit takes it: at an address, or as the zip itself."""

    address: str | None = field(repr=False)
    """Address to name in the submit, without any signature; None where the zip travels within it."""
    size_bytes: int
    archive: OutgoingFile | None = None
    """The zip, where it travels within the submit."""


@dataclass(frozen=True)
class TrainedModel:
    """A model that renders."""

    job: Submission
    """The training that made it."""
    weights: OutgoingFile | None = None
    """Its weights in our store, for a service that renders from weights; None where there are none."""


@dataclass(frozen=True)
class Price:
    """What a training costs."""

    cents: int
    """US cents."""
    basis: str
    """What it was computed from, and by which price list."""
    as_of: date | None = None
    """When that price was read; None where no date is known."""

    @property
    def source(self) -> str:
        """Basis and date, for people."""
        return self.basis if self.as_of is None else f"{self.basis}, as of {self.as_of}"


class SourceChanged(ProviderUnavailable):
    """The file is another one than a moment ago: ask for it anew, and begin again."""


class Provider(ABC):
    """One account at one provider.

    Every method raises a `ProviderError`: `ProviderUnavailable` where asking again may help,
    `RequestRejected` where the provider said no, `UnexpectedResponse` where it is not as documented.
    """

    name: ClassVar[str]
    capabilities: ClassVar[Capabilities]
    margins: ClassVar[SubmitMargins] = SubmitMargins()
    account: Account
    _transport: Transport
    """Requests to its API; every client makes its own."""
    job_names: JobNames | None = None
    """Where to look for names before the provider is asked; None asks each time."""

    @property
    def base_url(self) -> str:
        return self._transport.base_url

    @property
    def requests_made(self) -> int:
        return self._transport.request_count

    @property
    def clock_offset_s(self) -> float | None:
        """Seconds by which the provider's clock is ahead of ours; None before it was heard."""
        return self._transport.clock_offset_s

    def prepare(self, name: str, recipe: BaseRecipe) -> None:  # noqa: B027 - most have nothing to prepare
        """Make what a submit needs to be there, such as a destination. Free, and harmless when repeated."""

    @abstractmethod
    def deliver(self, name: str, archive: OutgoingFile) -> DeliveredDataset:
        """Bring the zip to where the provider takes it from, and prove that it is there. Costs nothing.

        `name` is the job's, as in `submit`: some providers keep it with the file only.
        """

    @abstractmethod
    def submit(self, name: str, recipe: BaseRecipe, dataset: DeliveredDataset, deadline: Deadline) -> Submission:
        """Submit a paid training, exactly once.

        Args:
            name: The job's name, by which it is found again.
            recipe: The recipe, as validated.
            dataset: What `deliver` has returned, or a zip at a public address.
            deadline: Past it, nothing leaves.

        Raises:
            RequestRejected, RateLimited, RequestNotSent: Definitely not accepted.
            ProviderError: Any other one leaves it open.
        """

    def price(self, recipe: BaseRecipe, dataset: DatasetManifest | None) -> Price | None:  # noqa: ARG002
        """What a training would cost, its dataset None before it is known; None where no price is published."""
        return None

    @abstractmethod
    def list_jobs(self) -> JobList:
        """Every job of the account, from one list."""

    def find(self, stem: str, since: datetime | None = None) -> JobList:  # noqa: ARG002
        """Every job of one training, all of its attempts, matched by whatever the provider keeps of their names.

        Args:
            stem: What comes before `-g<attempt>` in the jobs' names.
            since: No job of it can be older; None where nobody knows. Even so `list_is_complete` and `shown` are
                about the whole account.
        """
        listed = self.list_jobs()
        ours = tuple(job for job in listed.jobs if job.name.rpartition("-g")[0] == stem)
        return listed.model_copy(update={"jobs": ours})

    def check_access(self) -> None:
        """Ask for something that costs nothing, which shows that the API responds and accepts the key."""
        self.find("", now())

    @abstractmethod
    def get_job(self, job: Submission) -> JobStatus:
        """State of one job."""

    def handle_for(self, job_id: str, recipe: BaseRecipe) -> Handle:  # noqa: ARG002
        """The handle of a job whose id a person has typed; `recipe` names the trainer."""
        return {}

    def cancel(self, job: Submission) -> bool:  # noqa: ARG002
        """Ask that a job stops, because a person has given it up. False where it cannot be asked for."""
        return False

    @abstractmethod
    def open_weights(self, job: Submission) -> tuple[RangedSource, ...]:
        """Find the trained weights by fresh addresses: a file for each checkpoint, in their order."""

    @abstractmethod
    def render(
        self, model: TrainedModel, prompt: str, seed: int, settings: ServiceSettings, image: bytes | None = None
    ) -> RenderedImage:
        """Render one image with a trained model, from `image` for models that edit. Paid, and sent once."""

    def verify_webhook(self, headers: Mapping[str, str], body: bytes, secret: str | None) -> bool:  # noqa: ARG002
        """Whether a call at the account's webhook path is the provider's; called in a thread.

        Args:
            headers: Of the call; names in any case.
            body: The raw body.
            secret: What the provider signs the account's calls with; None where the block has none.

        Raises:
            ProviderUnavailable: It cannot be verified just now, such as for want of the provider's public keys.
        """
        return False

    def set_visibility(self, job: Submission, *, public: bool) -> None:
        """Make a model public or private. Raises `ConfigurationError` where there is no such thing."""
        wanted = "public" if public else "private"
        raise ConfigurationError(
            f"{self.name} cannot make model {job.job_id} {wanted}; leave its visibility unchanged"
        )
