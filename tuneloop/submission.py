"""One payment per training: claim, one POST bound to a deadline, and ambiguity resolved by finding the name."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import uuid4

from tuneloop.clock import Deadline, now
from tuneloop.errors import (
    ConfigurationError,
    LedgerError,
    ProviderError,
    RateLimited,
    RecordTaken,
    RequestRefused,
    SubmissionUncertain,
)
from tuneloop.ledger import Ledger
from tuneloop.providers.provider import Archive, Provider
from tuneloop.transport import NotSent
from tuneloop.values.recipe_fields import RecipeFields
from tuneloop.values.records import (
    UNPAID_ENDS,
    Abandoned,
    AnyTrainingRecord,
    Claimed,
    Collected,
    Failed,
    Held,
    Rejected,
    RunFile,
    Submitted,
    Trained,
)
from tuneloop.values.training import JobStatus, UploadedDataset, job_name

PROCESS = uuid4().hex
"""Nonce of this process: the same flow run, started again, is another process."""

_GENERATIONS_IN_A_ROW = 3


@dataclass(frozen=True)
class Training:
    """One generation of one training, as the ledger has it.

    Attributes:
        key: Training key.
        generation: Which attempt.
        last: Its last record; None where nothing is claimed yet.
        previous: The last record of the generation before, where `last` is None.
    """

    key: str
    generation: int
    last: AnyTrainingRecord | None
    previous: AnyTrainingRecord | None

    @property
    def name(self) -> str:
        """The job's name at the provider."""
        return job_name(self.key, self.generation)

    @property
    def job_id(self) -> str | None:
        """The provider's id of the job, once it is known."""
        return self.last.job_id if isinstance(self.last, Submitted | Trained | Collected) else None


def read_training(ledger: Ledger, key: str, generation: int) -> Training:
    """Read where one generation stands."""
    history = ledger.history(key)
    own = [record for record in history if record.generation == generation]
    before = [record for record in history if record.generation < generation]
    if any(record.generation > generation for record in history) and not own:
        raise LedgerError(f"generation {generation} of training {key[:16]} was skipped")
    return Training(key, generation, own[-1] if own else None, before[-1] if before else None)


def choose_generation(ledger: Ledger, key: str, on_request: str | None) -> int:
    """Decide which generation a new run works on; see docs/ledger.md.

    Args:
        ledger: The ledger.
        key: Training key.
        on_request: Why an unchanged dataset should be trained again, None for no such wish.

    Raises:
        ConfigurationError: Three attempts in a row have come to nothing: a person must look first.
    """
    history = ledger.history(key)
    if not history:
        return 1
    last = history[-1]
    unpaid = last.state in UNPAID_ENDS or (isinstance(last, Abandoned) and not last.paid)
    if not unpaid:
        wanted = bool(on_request) and isinstance(last, Collected)
        return last.generation + 1 if wanted else last.generation
    ends = {record.generation: record for record in history}
    recent = [ends[g] for g in sorted(ends)[-_GENERATIONS_IN_A_ROW:]]
    if len(recent) == _GENERATIONS_IN_A_ROW and all(r.state in UNPAID_ENDS for r in recent) and not on_request:
        reason = recent[-1].reason if isinstance(recent[-1], Failed | Rejected) else recent[-1].state
        raise ConfigurationError(
            f"this training has come to nothing {_GENERATIONS_IN_A_ROW} times in a row, last: {reason}. "
            "Change the dataset or the recipe, or set retrain_unchanged to a reason to try once more"
        )
    return last.generation + 1


def submit_training(
    ledger: Ledger,
    provider: Provider,
    run: RunFile,
    training: Training,
    recipe: RecipeFields,
    dataset: UploadedDataset,
    archive: Archive,
) -> Submitted:
    """Claim the training and submit it with one POST.

    Args:
        ledger: The ledger.
        provider: The account that pays.
        run: What the flow run works on.
        training: Where it stood when the submit was decided. Whatever was written since then forbids it.
        recipe: The recipe, as validated.
        dataset: The uploaded zip.
        archive: The zip itself, for providers that take it within the submit.

    Raises:
        RecordTaken: Another run has claimed it first; read the ledger again.
        ProviderError: Nothing was accepted (recorded as rejected).
        SubmissionUncertain: Nobody can tell yet; the claim stands.
    """
    deadline = Deadline(provider.margins.claim_s)
    claim = _claim(run, training.name, deadline, provider)
    ledger.append(run.key, training.last or training.previous, claim)
    try:
        job_id = provider.submit(claim.name, recipe, dataset, archive, deadline)
    except (RequestRefused, RateLimited, NotSent) as error:
        ledger.append(run.key, claim, _rejected(claim, error))
        raise
    except ProviderError as error:
        found = _look_once(ledger, provider, run)
        if found is not None:
            return found
        raise SubmissionUncertain(
            f"the submit of {claim.name} had no clear answer: {error}. It is looked for in the provider's "
            f"list; nobody submits it again before {claim.take_over_after:%Y-%m-%d %H:%M:%S} UTC"
        ) from None
    return _record_submitted(ledger, run.key, claim, job_id, found_by_list=False)


def _claim(run: RunFile, name: str, deadline: Deadline, provider: Provider) -> Claimed:
    return Claimed(
        at=deadline.started,
        generation=run.generation,
        name=name,
        nonce=PROCESS,
        flow_run=run.flow_run,
        until=deadline.until,
        take_over_after=deadline.until + provider.margins.in_doubt,
        account=run.account,
        credentials=run.credentials,
        dataset_digest=run.dataset_digest,
        recipe=run.recipe,
    )


def _look_once(ledger: Ledger, provider: Provider, run: RunFile) -> Submitted | None:
    """Look a job up just after its submit; a list that fails says nothing."""
    try:
        return find_submitted(ledger, provider, run.key, run.generation)
    except ProviderError:
        return None


def find_submitted(ledger: Ledger, provider: Provider, key: str, generation: int) -> Submitted | None:
    """Look a claimed training up by its name. Presence counts at once, absence is for `may_claim_again`."""
    training = read_training(ledger, key, generation)
    if isinstance(training.last, Submitted):
        return training.last
    if not isinstance(training.last, Claimed):
        return None
    jobs = provider.find(training.name)
    return record_found(ledger, key, training.last, jobs[0].job_id) if jobs else None


def record_found(ledger: Ledger, key: str, claim: Claimed, job_id: str) -> Submitted:
    """Write down a job that the provider's list shows under a claimed name."""
    return _record_submitted(ledger, key, claim, job_id, found_by_list=True)


def hold_if_unsearchable(ledger: Ledger, provider: Provider, training: Training) -> bool:
    """Hand a claim that came to nothing over to a person, where absence from the list proves nothing.

    Returns:
        Whether the training is held now.
    """
    claim = training.last
    if not isinstance(claim, Claimed) or provider.capabilities.list_is_trusted or now() <= claim.take_over_after:
        return False
    reason = (
        f"the submit of {claim.name} had no clear answer, and {provider.name}'s list may lack accepted jobs: "
        f"look for the comment {claim.name} in its console before anything is submitted again"
    )
    held = Held(at=now(), generation=claim.generation, name=claim.name, reason=reason)
    ledger.append(training.key, claim, held)
    return True


def may_claim_again(provider: Provider, training: Training) -> bool:
    """Tell whether a claim that came to nothing may be taken over, by a list that is started only now.

    The list must be started after every margin has passed, and be complete; an error in it is no evidence.
    """
    if not isinstance(training.last, Claimed) or now() <= training.last.take_over_after:
        return False
    if not provider.capabilities.list_is_trusted:
        return False
    return not provider.find(training.name)


def _record_submitted(ledger: Ledger, key: str, claim: Claimed, job_id: str, *, found_by_list: bool) -> Submitted:
    """Write the job's id over the claim. Another process may have found the same job meanwhile."""
    record = Submitted(
        at=now(),
        generation=claim.generation,
        name=claim.name,
        job_id=job_id,
        found_by="list" if found_by_list else "answer",
    )
    after: AnyTrainingRecord = claim
    while True:
        try:
            ledger.append(key, after, record)
        except RecordTaken:
            latest = ledger.last(key)
            if isinstance(latest, Claimed) and latest.generation == claim.generation:
                after = latest
                continue
            training = read_training(ledger, key, claim.generation)
            if isinstance(training.last, Submitted) and training.job_id == job_id:
                return training.last
            if training.job_id == job_id:
                return record
            raise LedgerError(
                f"job {job_id} was accepted for {claim.name}, but the ledger has "
                f"{training.job_id or (training.last.state if training.last else 'nothing')}: "
                "look at both in the provider's console and cancel the one that is not needed"
            ) from None
        else:
            return record


def _rejected(claim: Claimed, error: ProviderError) -> Rejected:
    return Rejected(at=now(), generation=claim.generation, name=claim.name, reason=str(error))


def record_progress(ledger: Ledger, key: str, generation: int, status: JobStatus) -> AnyTrainingRecord | None:
    """Write down that a submitted job has ended, where it has.

    Returns:
        The training's last record after that.
    """
    training = read_training(ledger, key, generation)
    last = training.last
    if not isinstance(last, Submitted) or status.phase == "running":
        return last
    record: Trained | Failed
    if status.phase == "failed":
        reason = status.error_message or "the provider gives no reason"
        record = Failed(
            at=now(),
            generation=generation,
            name=last.name,
            job_id=last.job_id,
            word=status.word,
            reason=reason,
        )
    else:
        record = Trained(at=now(), generation=generation, name=last.name, job_id=last.job_id, word=status.word)
    try:
        ledger.append(key, last, record)
    except RecordTaken:
        return read_training(ledger, key, generation).last
    return record
