"""Stories of a provider that behaves badly: each way in which the emulator can, under the name of its kind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, get_args

from tests.crash import scenes
from tests.crash.stories import BFL_RUN, FAL_RUN, FAL_SUBMIT, SLOW, SUBMIT, Story
from tuneloop.emulator import Fault
from tuneloop.emulator.faults import FaultKind
from tuneloop.emulator.switches import ShownName, StatusStyle

_LIST = "/finetune/request/list"
_DETAILS = "/finetune/request/details"
_BFL_SUBMIT = "/v1/finetune"
_IMAGE = "/v1/flux-dev-finetuned"
_BOMB = 1 << 31
_STEPS_S = (600.0, 1300.0, 3700.0, 3700.0, 3700.0, 3700.0, 90_000.0, 3700.0)
"""The margins of a submit in doubt pass before the second look."""
_LOST = Fault("cut_after_effect", SUBMIT)
"""An accepted submit whose answer nobody has heard: the list has to tell."""
_FOREIGN_ROW: dict[str, Any] = {
    "id": "00000000-0000-4000-8000-000000000000",
    "finetune_id": "00000000-0000-4000-8000-000000000000",
    "name": "somebody's model",
    "status": "AVAILABLE",
}
_EXTRA_ROWS: list[Any] = [
    {**_FOREIGN_ROW, "id": 4711, "finetune_id": 4711},
    {"name": "somebody's model", "status": "AVAILABLE"},
    {**_FOREIGN_ROW, "name": None},
    {**_FOREIGN_ROW, "name": 17},
    {**_FOREIGN_ROW, "status": None},
    {**_FOREIGN_ROW, "status": "FAILED", "error_message": ["CUDA out of memory", {"step": 12}]},
    {**dict.fromkeys(_FOREIGN_ROW), "id": "00000000-0000-4000-8000-000000000001"},
    "deleted",
    4711,
    None,
    [],
]
"""Of jobs that somebody else has made on the account, as no page shows them; ids of two of them at BFL."""
_REFUSALS = (402, 407, 408, 409, 411, 413, 415, 425, 429, 431)
_REDIRECTS = (301, 302, 307, 308)


def bad_answers() -> Iterator[tuple[str, Story]]:
    """Every story, after the name of its kind."""
    yield from _gateway_pages()
    yield from _errors_under_a_success()
    yield from _refusals()
    yield from _bodies()
    yield from _never_clear()
    for kind, name, switches in _worlds():
        # Whoever hears the answer has to live with it, and whoever must find the job in the list.
        yield kind, _story(name, switches=switches)
        yield kind, _story(f"{name}-in-doubt", switches=switches, faults=(_LOST,))
        if "list_copies" not in switches:
            yield kind, _of_bfl(f"bfl-{name}-in-doubt", switches=switches, faults=(_lost_at_bfl(),))
    page: dict[str, Any] = {"switches": {"list_page": 1}, "beside": scenes.others_train}
    yield "bad answers: first page only", _story("page", **page)
    yield "bad answers: first page only", _story("page-in-doubt", **page, faults=(_LOST,))
    yield "bad answers: revived jobs", _story("revived", progress=SLOW, beside=scenes.fails_and_revives)
    yield "bad answers: row of ours", _story("own-row", progress=SLOW, beside=scenes.own_row_is_odd)


def _story(name: str, **rest: Any) -> Story:
    return Story(f"bad-{name}", steps_s=_STEPS_S, straighten_after=4, **rest)


def _of_bfl(name: str, **rest: Any) -> Story:
    return _story(name, account="bfl", parameters=BFL_RUN, **rest)


def _of_fal(name: str, *faults: Fault) -> Story:
    return _story(name, account="fal", parameters=FAL_RUN, faults=faults)


def _lost_at_bfl() -> Fault:
    return Fault("cut_after_effect", _BFL_SUBMIT, "POST")


def _gateway_pages() -> Iterator[tuple[str, Story]]:
    kind = "bad answers: gateway's page"
    effects: tuple[FaultKind, ...] = ("refuse", "fail_after_effect", "fail_before_late_effect")
    for effect in effects:
        late = 590.0 if "late" in effect else 0.0
        page = Fault(effect, SUBMIT, "POST", status=504, body="html", delay_s=late)
        yield kind, _story(f"504-{effect}", faults=(page,))
    yield (
        kind,
        _of_bfl("bfl-504", faults=(Fault("fail_after_effect", _BFL_SUBMIT, "POST", status=504, body="html"),)),
    )
    # Without its own header, fal's gateway says nothing about the request.
    yield kind, _of_fal("fal-503", Fault("fail_after_effect", FAL_SUBMIT, "POST", status=503, body="html"))
    yield kind, _story("504-list", faults=(_LOST, Fault("refuse", _LIST, status=504, body="html", times=4)))
    yield kind, _story("504-image", faults=(Fault("fail_after_effect", _IMAGE, status=504, body="html"),))


def _errors_under_a_success() -> Iterator[tuple[str, Story]]:
    kind = "bad answers: error under a success"
    said = "Insufficient credits"
    for effect in ("refuse", "fail_after_effect"):
        for name, path in (("submit", SUBMIT), ("image", _IMAGE)):
            told = Fault(effect, path, "POST", status=200, reason=said)
            yield kind, _story(f"200-{name}-{effect}", faults=(told,))
        yield kind, _of_fal(f"fal-200-{effect}", Fault(effect, FAL_SUBMIT, "POST", status=200, reason=said))
        at_bfl = Fault(effect, _BFL_SUBMIT, "POST", status=200, reason=said)
        yield kind, _of_bfl(f"bfl-200-{effect}", faults=(at_bfl,))
    for name, path in (("list", _LIST), ("details", _DETAILS)):
        yield kind, _story(f"200-{name}", faults=(_LOST, Fault("refuse", path, status=200, reason=said, times=2)))


def _refusals() -> Iterator[tuple[str, Story]]:
    for status in (*_REFUSALS, *_REDIRECTS):
        kind = "bad answers: redirects" if status < 400 else "bad answers: refusals"
        yield kind, _story(f"{status}", faults=(Fault("refuse", SUBMIT, status=status),))
        yield kind, _story(f"{status}-after-all", faults=(Fault("fail_after_effect", SUBMIT, status=status),))
    yield "bad answers: refusals", _story("402-image", faults=(Fault("refuse", _IMAGE, status=402),))


def _bodies() -> Iterator[tuple[str, Story]]:
    for kind, name, body in (("drips", "drip", {"drip_s": 0.01}), ("bombs", "bomb", {"padding_bytes": _BOMB})):
        told: dict[str, Any] = dict(body)
        for where, path in (("submit", SUBMIT), ("details", _DETAILS)):
            yield f"bad answers: {kind}", _story(f"{name}-{where}", faults=(Fault("answer", path, **told),))
        listed = Fault("answer", _LIST, **told)
        yield f"bad answers: {kind}", _story(f"{name}-list", faults=(_LOST, listed))
        failed = Fault("fail_after_effect", SUBMIT, status=500, **told)
        yield f"bad answers: {kind}", _story(f"{name}-500", faults=(failed,))
    # No image drips: its many thousand bytes would take the whole of an answer's limit of real minutes.
    yield "bad answers: bombs", _story("bomb-image", faults=(Fault("answer", _IMAGE, padding_bytes=_BOMB),))


def _never_clear() -> Iterator[tuple[str, Story]]:
    """What would be paid again and again, if nobody counted."""
    kind = "bad answers: never clear"
    # Four doubts in one attempt are two more than anything may go through without a person.
    never_sent = Fault("cut_before_effect", SUBMIT, "POST", times=4)
    yield kind, _story("never-clear-submit", faults=(never_sent,))
    yield kind, _of_bfl("bfl-never-clear-submit", faults=(replace(never_sent, path=_BFL_SUBMIT),))
    yield kind, _of_fal("fal-never-clear-submit", replace(never_sent, path=FAL_SUBMIT))
    for effect in ("cut_before_effect", "fail_after_effect"):
        yield kind, _story(f"never-clear-image-{effect}", faults=(Fault(effect, _IMAGE, "POST", times=12),))


def _worlds() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Kind, name and switches of what holds for every request."""
    yield "bad answers: extra rows", "extra-rows", {"extra_rows": _EXTRA_ROWS}
    yield "bad answers: duplicate rows", "copies", {"list_copies": 2}
    yield "bad answers: integer ids", "integer-ids", {"integer_ids": True}
    yield "bad answers: two ids", "two-ids", {"two_ids": True}
    yield "bad answers: names", "name-late", {"name_lag_s": 290.0}
    for form in get_args(ShownName)[1:]:
        yield "bad answers: names", f"name-{form}", {"shown_name": form}
    for style in get_args(StatusStyle)[1:]:
        yield "bad answers: status words", f"words-{style}", {"status_words": style}
