"""The page of all models, with made-up models of every kind."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from tests.evaluation.evidence import AT
from tuneloop.evaluation.reports.models_page import (
    ModelsOverview,
    Question,
    ShownModel,
    ShownRun,
    ShownSpending,
)

_REASONS = {
    "promote": "Better with 95% certainty: mostly less grain.",
    "reject": "Worse with 95% certainty: mostly blurred, and one image copies a training image.",
    "undecided": "Too close to call: the difference is within the margin.",
}
_NIGHT = datetime(2026, 11, 29, 3, 0, tzinfo=AT.tzinfo)
_RUN = "http://127.0.0.1:4200/runs/flow-run/8a1d1a66-2f3c-4a44-8a39-6d9d4c2a5f10"


def shown_model(number: int) -> ShownModel:
    """A champion with everything; each third one of another verdict."""
    model = f"robot-{number:03d}"
    verdict = (*_REASONS,)[number % 3]
    asks = Question(what="needs review", reason=_REASONS["undecided"], address=_RUN)
    return ShownModel(
        model=model,
        number=number % 7 + 1,
        since=AT - timedelta(days=number),
        page=f"models/{model}/pages/latest.html",
        verdict=verdict,
        decided_at=AT - timedelta(days=number % 5),
        reason=_REASONS[verdict],
        report=f"models/{model}/reports/0123456789abcdef-g1-{'5' * 64}-vs0001.html",
        next_run=_NIGHT + timedelta(days=1, minutes=number),
        last_run=ShownRun(state="Cached" if number % 4 else "Failed", at=_NIGHT, address=_RUN),
        questions=(asks,) if number % 50 == 2 else (),
    )


def overview_of(count: int) -> ModelsOverview:
    """So many models with champions, and one of each other kind."""
    held = Question(what="on hold", reason="the limit of 20 trainings a day is reached", address=_RUN)
    lost = Question(
        what="needs review", reason="Too close to call.", address=None, command="tuneloop review a-tie"
    )
    others = (
        ShownModel(model="a-gap", problem="models/a-gap/promotions/ has a gap at 0001.json; restore it"),
        ShownModel(model="a-tie", number=1, since=AT, verdict="undecided", decided_at=AT, questions=(lost,)),
        ShownModel(model="new-one", questions=(held,)),
        ShownModel(
            model="put-back", number=3, since=AT, verdict="promote", rolled_back=True, decided_at=AT,
            reason="six fingers",
        ),
    )  # fmt: skip
    return ModelsOverview(
        day=date(2026, 11, 29),
        models=(*others, *(shown_model(number) for number in range(1, count + 1))),
        spending=(
            ShownSpending(account="segmind.default", trainings=14, cents=0, ends=date(2026, 12, 10)),
            ShownSpending(account="bfl.team", trainings=3, cents=1250, ends=date(2026, 12, 10)),
        ),
    )
