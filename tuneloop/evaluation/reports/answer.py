"""What was answered to an undecided verdict, on the page that asks.

The page is written anew under its name, for that is where the links of forms, logs and states lead. Nothing is
lost: only the question goes, and what was decided are the records.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from markupsafe import Markup

from tuneloop.errors import ObjectNotFound
from tuneloop.evaluation.reports.template import LATEST, fill_template
from tuneloop.schemas.records import Decision
from tuneloop.storage.base import Store


class _Markers(NamedTuple):
    """Where a page says what was answered, and where it asks. No text of data can hold one: it is escaped."""

    answer: Markup = Markup("<!-- answer -->")
    question: Markup = Markup("<!-- question -->")
    end: Markup = Markup("<!-- end of the question -->")


MARKERS = _Markers()
_QUESTION = re.compile(f"{MARKERS.question}.*?{MARKERS.end}", re.DOTALL)


def show_answer(store: Store, decision: Decision) -> None:
    """Show a person's decision at the top of the page that asked for it, if the page is there and asks still."""
    if decision.report is None:
        return
    try:
        page = store.read(decision.report).decode()
    except ObjectNotFound:
        return
    if MARKERS.answer not in page:
        return
    answer = fill_template("answer.html", decision=decision)
    answered = _QUESTION.sub("", page.replace(MARKERS.answer, answer, 1), count=1).encode()
    latest = f"{decision.report.rpartition('/')[0]}/{LATEST}"
    # First, for a second try would not find it any more.
    if store.exists(latest) and store.read(latest) == page.encode():
        store.rewrite(latest, answered)
    store.rewrite(decision.report, answered)
