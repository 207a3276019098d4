"""The rules of the protocol, each of which can be taken away to see what it is good for."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace


@dataclass(frozen=True)
class Rules:
    """What every process keeps to. All hold, unless a test asks what happens without one."""

    compare_and_set: bool = True
    """A record is created only under the number that follows the records on which it was decided."""
    run_file_once: bool = True
    """The first run file wins for ever: the same run never moves on to another attempt."""
    marker_before_claim: bool = True
    """The marker is there before the claim."""
    marker_until_the_end: bool = True
    """The marker is deleted only after the end of the training was read from the ledger."""
    fence_before_unmarking: bool = True
    """Before a marker without a claim is deleted, a record fences its run off."""
    claim_of_one_process: bool = True
    """A claim allows the process that wrote it to submit, not the same run started again."""
    last_byte_before_deadline: bool = True
    """The last byte of the submit leaves before the claim's deadline, or never."""
    silence_is_looked_up: bool = True
    """A submit without a clear answer is looked up by its name, never sent again."""
    wait_for_arrival: bool = True
    """A take-over waits until what was sent has arrived."""
    wait_for_late_acceptance: bool = True
    """A take-over waits until what has arrived is accepted, however late."""
    wait_for_the_list: bool = True
    """A take-over waits until what was accepted is shown in the provider's list."""
    wait_for_the_clocks: bool = True
    """A take-over allows for clocks that differ."""
    list_after_the_margins: bool = True
    """Absence counts only in a list that was started after every margin had passed."""
    evidence_of_one_attempt: bool = True
    """A job is evidence only for the attempt that it is named for."""
    missing_is_no_evidence: bool = True
    """A job that the provider does not know yet has not failed."""
    id_over_claim_and_held: bool = True
    """Who has a job's id writes it over another claim or a held training."""
    held_where_untrusted: bool = True
    """Where the list may lack accepted jobs, absence lets a person decide."""
    refusal_keeps_the_doubt: bool = True
    """That an approved submit came to nothing says nothing about the one before: the training is held again."""
    doubt_counts_as_paid: bool = True
    """A training given up in doubt counts as paid: it keeps its budget slot, and nobody submits it by itself."""
    failure_keeps_the_doubt: bool = True
    """That the followed job failed says nothing about another one: what was once in doubt counts as paid."""
    cancelled_only_collects: bool = True
    """A cancelled run is continued to collect what was paid; it submits nothing."""
    look_before_claim: bool = True
    """Before every claim the list is read: what is there is not paid again, whatever the ledger has."""
    look_at_every_attempt: bool = True
    """That look is for the jobs of every attempt, not only of the one that is to be claimed."""
    look_asks_by_id: bool = True
    """That look also asks for the jobs which the ledger has as failed, each by its id: a list may lack them."""
    used_name_is_no_new_one: bool = True
    """Where the attempt's own name is in the list, its job is written down, even one that has failed."""
    job_of_one_attempt: bool = True
    """A job that is followed in one attempt is no evidence for another, whatever it is named."""
    attempt_before_is_read_again: bool = True
    """A run begins its attempt only if the one before is still without a bill."""
    no_fence_after_a_bill: bool = True
    """A fence is no bad end: where the attempt before has come to life, the marker is deleted without one."""
    found_before_it_is_claimed: bool = True
    """A job of another attempt is written down only if nobody has claimed since it was looked for."""
    bad_end_revives: bool = True
    """A job that is alive after all is written over the bad end of its attempt."""
    marked_when_it_revives: bool = True
    """Who writes a job over a bad end creates the marker again; who deletes a marker reads the end again after."""
    refusal_is_looked_up: bool = True
    """A refusal is believed only after a look that was started after it."""
    refusal_outlasts_its_margins: bool = True
    """A refused attempt keeps its marker, and the next one waits, until a list shows nothing after its margins."""
    second_doubt_is_held: bool = True
    """An attempt is claimed again once; a second doubt is left to a person."""
    absence_of_a_whole_list: bool = True
    """Absence counts only in a list that is shown to be whole."""
    one_origin: bool = True
    """The store has which account a label leads to; under another account's key nothing is done."""
    clocks_are_compared: bool = True
    """Nothing is claimed where the clock is off by more than the margins allow for."""
    run_makes_no_store: bool = True
    """A run that finds no store stops."""
    id_once_known: bool = True
    """A job whose id is known is asked for by it, and not looked for by its name."""
    lost_is_held: bool = True
    """A training whose weights cannot be had is left to a person in the end."""
    slot_before_submit: bool = True
    """Nothing is submitted without a budget slot."""
    slot_reused: bool = True
    """A training that has a budget slot never takes a second one."""
    slot_of_one_attempt: bool = True
    """The slot of one attempt is none for the next."""
    slot_after_the_last: bool = True
    """A budget slot is created only under the number that follows the slots that were counted."""
    release_after_unpaid_end: bool = True
    """A budget slot is released only after an unpaid end was read."""
    approval_waives_what_it_names: bool = True
    """A person who lets a training through for one reason has not let it through for another."""
    approvals_add_up: bool = True
    """What a person has let an attempt through stays so: else two reasons to hold it would take turns for ever."""
    asks_are_bounded: bool = True
    """An image is asked for three times in its life."""
    ask_is_written_first: bool = True
    """An ask is written down, under the next number, before it is sent."""
    reason_counts_once: bool = True
    """A reason to train again counts once for a dataset and recipe: the same words are no new wish."""
    reasons_after_the_log: bool = True
    """The reasons that were given are read after the log: who has trained for one wrote it down before."""
    wish_outlives_the_run: bool = True
    """That a person has cancelled a run is written into the store: the run may be deleted."""
    prefect_cancels_are_no_wish: bool = True
    """A run that Prefect has cancelled by itself is carried on like one that crashed."""
    only_a_person_stops_a_job: bool = True
    """A job is asked to stop only where a person has cancelled its run; one that crashed is carried on."""
    request_before_asking: bool = True
    """That a job is to stop is written down before the provider is asked: its end counts as paid from then on."""
    markers_after_the_request: bool = True
    """Who else waits for the job is read once more after that, so that no run that came before is overlooked."""
    asked_until_answered: bool = True
    """The provider is asked again until its answer is written down."""
    every_store_is_read: bool = True
    """Whoever waits for a job is looked for in every store that the sensor watches."""
    request_is_withdrawn: bool = True
    """A request that came to nothing before it was sent is withdrawn: the job's failure is its own then."""
    declined_stops_nothing: bool = True
    """So it is after one that the provider has declined."""
    billed_failure_is_paid: bool = True
    """A failed job that its provider bills counts as paid, although nobody has asked it to stop."""
    promotion_after_its_judge: bool = True
    """A promotion takes exactly the number that follows the champion it was judged against."""
    decision_before_promotion: bool = True
    """The decision is written before the promotion."""
    decision_after_those_read: bool = True
    """A decision is created only under the number that was fixed before anything else was read to judge."""

    def without(self, name: str) -> Rules:
        """These rules, but for one."""
        return replace(self, **{name: False})


EVERY_RULE = Rules()
NAMES = tuple(field.name for field in fields(Rules))
