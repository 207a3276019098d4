"""The ledger's records. What is stored once stays readable for ever."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import uuid4

from pydantic import Field, JsonValue, TypeAdapter

from tuneloop.schemas.dataset import PublicDataset
from tuneloop.schemas.evaluation import ScoreDifference
from tuneloop.schemas.frozen import FrozenModel
from tuneloop.schemas.plan import EvaluationConfig
from tuneloop.schemas.training import Account, Handle, Label, ModelName


def new_writer() -> str:
    """A random id for one record, by which its writer knows it again after a lost response."""
    return uuid4().hex


class Record(FrozenModel):
    """What every record has."""

    schema_number: Literal[1] = 1
    writer_id: str = Field(default_factory=new_writer)
    created_at: datetime
    """By the writer's clock (UTC)."""


class TrainingRecord(Record):
    """One step of a training."""

    attempt: int = Field(ge=1)
    name: str
    """The job's name at the provider."""


HeldKind = Literal["uncertain", "budget", "attempts", "lost"]


class Claimed(TrainingRecord):
    """A run is about to submit, until a deadline."""

    state: Literal["claimed"] = "claimed"
    nonce: str
    """Random id of the process that claimed: the same run restarted is another process."""
    flow_run: str
    submit_deadline: datetime
    """The last byte of the submit leaves before this moment, or never."""
    take_over_after: datetime
    """No other run may conclude that nothing was submitted before this moment."""
    account: Account
    credentials: str
    """Slug of the credentials block, TYPE/NAME."""
    dataset_digest: str
    recipe: JsonValue
    """The recipe in full, as validated."""
    budget_slot: int | None = None
    """Number of the last budget slot at the first claim of this attempt: its own one comes after that."""
    approval: str | None = None
    """The reason with which it was approved after it was held."""
    waived: tuple[HeldKind, ...] = ()
    """What it was approved for. An approval waives what it was asked for and nothing else."""


class Submitted(TrainingRecord):
    """The provider has the job."""

    state: Literal["submitted"] = "submitted"
    job_id: str
    found_by: Literal["answer", "list", "person"]
    """Whether the response to the submit, the provider's list or a person named the job."""
    handle: Handle = Field(default_factory=dict)
    """What the provider is given beside the id; empty where the id is enough."""


class Trained(TrainingRecord):
    """The provider has finished training: the weights exist."""

    state: Literal["trained"] = "trained"
    job_id: str
    provider_status: str


class Collected(TrainingRecord):
    """The weights are in the store (or stay at the provider, under an id). The log ends here."""

    state: Literal["collected"] = "collected"
    job_id: str
    weights: str | None
    """Name of the weights within the store; None where the provider hands out no file."""
    sha256: str | None
    size_bytes: int | None
    handle: Handle = Field(default_factory=dict)
    """As in `Submitted`."""


class Failed(TrainingRecord):
    """The provider says that the training failed."""

    state: Literal["failed"] = "failed"
    job_id: str
    provider_status: str
    reason: str
    """The provider's, redacted."""


class Rejected(TrainingRecord):
    """The provider rejected the submit: nothing was paid."""

    state: Literal["rejected"] = "rejected"
    reason: str
    """Redacted."""
    settled_after: datetime | None = None
    """From when on a job that was accepted all the same is shown; None where nothing can have been accepted."""
    refused: bool = False
    """The training itself was refused, not its key, its credits or its address: another trainer may take it."""


class Held(TrainingRecord):
    """A manual decision is required."""

    state: Literal["held"] = "held"
    reason: str
    """Why no run may go on by itself."""
    kind: HeldKind = "uncertain"
    """A submit may have been accepted, a limit is reached, too many failures or a cancelled job came before, or a
    paid job is out of reach."""
    sent: bool = True
    """Whether the claim before it may have been submitted; never for the two kinds in the middle."""


class Abandoned(TrainingRecord):
    """Given up, by hand or before anything was claimed, or ended without weights and billed."""

    state: Literal["abandoned"] = "abandoned"
    reason: str
    paid: bool
    """Whether the provider has accepted the job, or may have."""
    again: bool = False
    """The next run makes a new attempt, which is paid: a person wants it again, or this one left no weights."""
    cancelled_run: str | None = None
    """The run that a person has cancelled, and the job with it: the next attempt needs approval."""
    billed: bool = False
    """The job has failed, and its provider bills it: the next attempt needs approval."""
    failed_over: bool = False
    """Never claimed: the deployment's second trainer is used in its place, for as long as nothing has changed."""


class CancelRequest(Record):
    """The provider is about to be asked to stop a job: a person has cancelled every run that waits for it."""

    job_id: str
    flow_run: str
    """One of those runs."""


class CancelAnswer(Record):
    """The provider was asked, or cannot be: no tick asks again."""

    accepted: bool
    """Whether the job is to stop. It may end otherwise all the same."""


AnyTrainingRecord = Annotated[
    Claimed | Submitted | Trained | Collected | Failed | Rejected | Held | Abandoned, Field(discriminator="state")
]

HasJobId = Submitted | Trained | Collected | Failed
"""Records that know the provider's id of the job."""
training_record: TypeAdapter[AnyTrainingRecord] = TypeAdapter(AnyTrainingRecord)
NEXT_STATES: dict[str, frozenset[str]] = {
    "claimed": frozenset({"claimed", "submitted", "rejected", "held", "abandoned"}),
    "held": frozenset({"submitted", "trained", "claimed", "abandoned"}),
    "submitted": frozenset({"trained", "failed", "held", "abandoned"}),
    "trained": frozenset({"collected", "held", "abandoned"}),
    "collected": frozenset(),
    "failed": frozenset({"submitted"}),
    "rejected": frozenset({"submitted"}),
    "abandoned": frozenset({"submitted"}),
}
"""Which state may follow which within one attempt. Two of them depend on more than the state, see `follows`."""
ENDS = frozenset({"collected", "failed", "rejected", "abandoned"})
"""What ends an attempt; only after one of them may the next one begin."""
UNPAID_FAILURES = frozenset({"failed", "rejected"})
"""Ends without a model and without a bill. A failed job that is billed is abandoned."""


def follows(before: AnyTrainingRecord, record: AnyTrainingRecord) -> bool:
    """Return True if a record may follow another one of the same attempt."""
    if isinstance(before, Held) and (record.state in {"claimed", "trained"}):
        # What is lost was paid: it is never claimed again, and only it was trained before.
        return (before.kind == "lost") is (record.state == "trained")
    return record.state in NEXT_STATES[before.state] and not (isinstance(before, Abandoned) and before.paid)


Visibility = Literal["unchanged", "public", "private"]


class RunRecord(Record):
    """What a flow run has decided to work on; the first one written wins for ever."""

    flow_run: str
    model: ModelName
    key: str
    attempt: int = Field(ge=1)
    """The attempt that this run works on; it never wants another."""
    dataset_digest: str
    recipe: JsonValue
    """The recipe in full, as validated."""
    plan: EvaluationConfig
    account: Account
    credentials: str
    store: str
    public_dataset: PublicDataset | None = None
    """The zip that the provider fetches by itself; None where the dataset is sent to it."""
    visibility: Visibility = "unchanged"
    """Who may use the promoted model at the provider."""
    deployment: str | None = None
    retrain_reason: str | None = None
    """Why an unchanged dataset is trained once more; None where it has changed."""
    fallback_reason: str | None = None
    """Why this trainer is used in place of the deployment's first one; None where it is the first one."""
    comparison: Label | None = None
    """The comparison that it is a candidate of: a person decides about it, never the gate."""

    @property
    def review_command(self) -> str:
        """The command that answers an undecided verdict on it."""
        return f'tuneloop review {self.model} --store {self.store} --approve --reason "…"'


class ComparisonRecord(Record):
    """What a flow run compares, one run record for each candidate; the first one written wins for ever."""

    flow_run: str
    name: Label
    model: ModelName
    runs: tuple[RunRecord, ...] = Field(min_length=2)
    """All of this flow run, in the order in which the candidates were named."""
    aspect_ratio: str
    """Of every image."""
    budget_cents: int
    """What the trainings and images that were not there yet may cost together."""


class Decision(Record):
    """The verdict on one model version under one plan."""

    verdict: Literal["promote", "reject", "undecided", "abandoned"]
    """What was decided. `undecided` asks for a review, which is the next decision."""
    model: ModelName
    key: str
    attempt: int
    plan_digest: str
    against: int
    """Number of the promotion that was champion then; 0 for none."""
    scores: dict[str, float]
    report: str | None
    decided_by: str
    reason: str
    flow_run: str | None = None
    """The run that was abandoned, or that asks for a review; None for a verdict, which holds for every run."""
    differences: tuple[ScoreDifference, ...] = ()
    rule: str | None = None
    """The rule, in words; None in records of before there was more than one."""


class Promotion(Record):
    """A model version becomes the champion. The highest number is the champion."""

    number: int = Field(ge=1)
    model: ModelName
    key: str
    attempt: int
    job_id: str
    handle: Handle = Field(default_factory=dict)
    """As in `Submitted`."""
    account: Account
    credentials: str
    """Slug of the credentials block that reaches it."""
    trigger_word: str | None
    weights: str | None
    """Name within the store; sha256 and size are theirs."""
    sha256: str | None
    size_bytes: int | None = None
    """None in records of before it was named here."""
    dataset_digest: str
    recipe: JsonValue
    decision: str
    report: str | None = None
    """Name within the store; None in records of before it was named here."""
    plan: EvaluationConfig | None = None
    """The plan it was judged on; None in records of before it was named here."""
    rolled_back_to: int | None = None
    """Number of the earlier promotion that a rollback has put back; None for a challenger that won."""
    decided_by: str
    reason: str
