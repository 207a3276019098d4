"""From weights in the store to a decision: render both models, report, decide, promote."""

from __future__ import annotations

from prefect.logging import get_run_logger

from tuneloop.clock import now
from tuneloop.datasets.store import load_manifest
from tuneloop.errors import NotAtProvider, ProviderUnavailable, TrainingFailed
from tuneloop.evaluation import gate
from tuneloop.evaluation.render import count_missing, rendered_before
from tuneloop.evaluation.reports.report import Evidence
from tuneloop.ledger.submission import price_of
from tuneloop.orchestration import tasks
from tuneloop.orchestration.clip_choice import chosen_encoder
from tuneloop.orchestration.context import Desk
from tuneloop.orchestration.events import tell_model
from tuneloop.orchestration.reviews import decided_by_a_person
from tuneloop.orchestration.stages.evaluation_costs import (
    account_of,
    challenger_subject,
    champion_turn,
    check_judging,
    edited_by,
)
from tuneloop.orchestration.suspend import wait_for
from tuneloop.registry.promotions import WHO, Place, is_of, is_the_asker, promote, standing_among
from tuneloop.schemas.evaluation import Evaluation
from tuneloop.schemas.records import Collected, Decision, Promotion, RunFile
from tuneloop.sensor.transitions import DEPLOYED_AFTER


def decide(desk: Desk, run: RunFile, collected: Collected) -> Decision:
    """Judge the collected model against whoever is champion, until a decision stands."""
    while True:
        # Before anything else is read: a decision that is written meanwhile takes this number, not the next one.
        decisions = desk.ledger.decisions(run)
        number = len(decisions) + 1
        standing = standing_among(desk.ledger, run, decisions)
        if standing is None:
            _wait_until_it_renders(desk, run, collected)
            standing = _judge_against(desk, run, collected, desk.ledger.promotions(run.model), number)
        if standing is None:
            continue
        if standing.verdict == "undecided":
            mine = is_the_asker(desk.ledger, run, standing)
            if not mine or decided_by_a_person(desk, run, standing) is None:
                return standing
        elif standing.verdict == "reject" or promote(
            desk.ledger, run, collected, standing, desk.trigger_word(run)
        ):
            return _told(desk, run, standing)


def _told(desk: Desk, run: RunFile, decision: Decision) -> Decision:
    if decision.verdict == "promote":
        tasks.model_page(desk, run.model)
    tell_model("promoted" if decision.verdict == "promote" else "rejected", run, decision)
    return decision


def _wait_until_it_renders(desk: Desk, run: RunFile, collected: Collected) -> None:
    """Wait for the provider to deploy the model; its weights are already safe.

    Raises:
        TrainingFailed: The provider has had a day, or has deleted the model since.
    """
    while True:
        word = "not shown"
        try:
            status = desk.provider.status(collected.job_id)
        except ProviderUnavailable as error:
            get_run_logger().warning("%s", error)
        except NotAtProvider as error:
            get_run_logger().warning("%s", error)
            _give_up_after_a_day(run, collected, word)
        else:
            if status.phase == "ready":
                return
            word = status.word
            _give_up_after_a_day(run, collected, word)
        wait_for(
            f"Waiting for {run.account.provider} to deploy {collected.name} for rendering "
            f"(job {collected.job_id}, {word}); its weights are in the store",
            desk.store_slug,
        )


def _give_up_after_a_day(run: RunFile, collected: Collected, word: str) -> None:
    if now() - collected.at > DEPLOYED_AFTER:
        raise TrainingFailed(
            f"{collected.name} was collected on {collected.at:%Y-%m-%d}, and cannot be judged by this plan: "
            f"{run.account.provider} does not render it (job {collected.job_id}, {word}). What was decided before "
            "stands. Run again when it renders; if it was deleted there, start a run with a reason in "
            "retrain_unchanged, which is paid"
        )


def _judge_against(
    desk: Desk, run: RunFile, collected: Collected, line: list[Promotion], number: int
) -> Decision | None:
    """Render, score, report, and write what the gate says.

    Returns:
        The decision that has the number, by whomever; None where that is no verdict.
    """
    reigning = line[-1] if line else None
    chosen_encoder()  # a setting that cannot be used is told before pictures are paid
    manifest = load_manifest(run.dataset_digest, desk.store)
    check_judging(desk, run, manifest, reigning)
    inputs = edited_by(manifest)
    subject = challenger_subject(desk, run, inputs, collected.job_id)
    try:
        rendered = tasks.render_pictures(desk, (desk.provider, desk.limits), subject, run.plan, run, "challenger")
    except NotAtProvider:
        _give_up_after_a_day(run, collected, "not found")
        raise
    other = reigning if reigning is not None and not is_of(reigning, run) else None
    champion = _render_champion(desk, run, other, inputs) if other else None
    words = (desk.trigger_word(run), other.trigger_word if other else None)
    challenger, champion = tasks.score(desk, manifest, rendered, champion, tuple(filter(None, words)))
    place = Place(number, reigning.number if reigning else 0)
    evidence = Evidence(
        run=run,
        manifest=manifest,
        history=desk.ledger.history(run.key),
        collected=collected,
        challenger=challenger,
        champion=champion,
        reigning=other,
        champion_manifest=load_manifest(other.dataset_digest, desk.store) if other else None,
        line=line,
        cents=price_of(desk.recipe(run), desk.limits),
        cents_per_picture=desk.limits.price_of_picture(run.plan.service),
        decision=f"{desk.ledger.decision_folder(run)}{number:04d}.json",
        decided_by=WHO,
        verdict=gate.decide(challenger, champion, run.plan.gate, reigns=reigning is not None and other is None),
    )
    report = tasks.report(desk, evidence, place.against)
    return tasks.decide(desk, evidence, place, report)


def _render_champion(desk: Desk, run: RunFile, champion: Promotion, inputs: tuple[str, ...]) -> Evaluation:
    """Render the champion's missing images on the same prompts and seeds, by its own account.

    One that its provider has no more is judged by the pictures that are there.
    """
    subject, plan = champion_turn(run, champion, inputs)
    # Where nothing is missing nobody is asked, and another account need not be there any more.
    elsewhere = champion.account != desk.provider.account and count_missing(desk.store, subject, plan)
    account = account_of(desk, champion) if elsewhere else (desk.provider, desk.limits)
    try:
        return tasks.render_pictures(desk, account, subject, plan, run, "champion")
    except NotAtProvider as error:
        get_run_logger().warning("champion no. %d is not rendered any more: %s", champion.number, error)
        return rendered_before(desk.store, subject, plan, absent=f"{champion.account.provider} has no such model")
