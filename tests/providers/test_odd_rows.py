"""Lists as no page shows them: what can be read is read, and what cannot is named."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.http.speaking import Spoken, saying, speaking
from tuneloop.errors import AuthenticationFailed, UnexpectedResponse
from tuneloop.http.retries import TICK_POLICY
from tuneloop.ledger.accounts import JobNameCache
from tuneloop.providers.bfl.client import BflProvider
from tuneloop.providers.segmind.client import SegmindProvider
from tuneloop.schemas.training import JobList, Submission
from tuneloop.storage.local import LocalDirectory

KEY = "SG_0123456789abcdef"
STEM = "0123456789abcdef"
OURS = f"{STEM}-g1"
GOOD = {"finetune_id": "ours", "name": OURS, "status": "AVAILABLE"}


def listed(document: Any, *headers: str) -> JobList:
    with speaking(saying("200 OK", json.dumps(document).encode(), *headers)) as server:
        return SegmindProvider(KEY, base_url=server.url, policy=TICK_POLICY).find(STEM)


@pytest.mark.parametrize(
    "row",
    [
        {"id": "s", "name": "a stranger's", "status": None},
        {"id": "s", "name": "a stranger's"},
        {"id": "s", "name": "a stranger's", "status": ["FAILED"]},
        {"name": "a stranger's", "status": "FAILED"},
        {"id": {}, "name": "a stranger's", "status": "FAILED"},
        {"id": True, "name": "a stranger's", "status": "FAILED"},
        "a stranger's",
        None,
        7,
        [],
    ],
)
def test_strangers_odd_row_is_a_note_and_ours_is_read(row: Any) -> None:
    found = listed([row, GOOD])
    assert [job.job_id for job in found.jobs] == ["ours"]
    assert len(found.notes) == 1
    assert "was skipped" in found.notes[0]
    assert found.unreadable == {}
    assert "ours" in found.shown


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"id": "x", "name": OURS, "status": None}, "status"),
        ({"name": OURS, "status": "AVAILABLE"}, "id"),
        ({"id": "", "name": OURS}, "id"),
    ],
)
def test_row_of_ours_that_cannot_be_read_still_proves_that_it_was_accepted(row: Any, reason: str) -> None:
    found = listed([row, {**GOOD, "name": "another"}])
    assert found.jobs == ()
    assert reason in found.unreadable[OURS]
    assert found.notes == ()


@pytest.mark.parametrize(
    ("fields", "job_id", "message"),
    [
        ({"finetune_id": 4711}, "4711", None),
        ({"error_message": [{"code": 7}]}, "ours", '[{"code": 7}]'),
        ({"error_message": {"text": "no", "key": KEY}}, "ours", '{"text": "no", "key": "…"}'),
        ({"error_message": 17}, "ours", "17"),
        ({"error_message": ""}, "ours", None),
        ({"slug": 7, "cloud_storage_url": [], "updated_ts": 1764316800, "further": {"a": 1}}, "ours", None),
        ({"updated_ts": "0001-01-01T00:00:00+14:00"}, "ours", None),
    ],
)
def test_fields_of_other_types_are_read(fields: dict[str, Any], job_id: str, message: str | None) -> None:
    (job,) = listed([{**GOOD, **fields}]).jobs
    assert (job.job_id, job.error_message) == (job_id, message)


@pytest.mark.parametrize(
    ("states", "phase"),
    [
        (["AVAILABLE", "AVAILABLE"], "ready"),
        (["REQUESTED", "AVAILABLE"], "ready"),
        (["AVAILABLE", "REQUESTED"], "ready"),
        (["FAILED", "RETRIED"], "running"),
    ],
)
def test_row_that_comes_twice_is_one_job_as_far_as_it_has_come(states: list[str], phase: str) -> None:
    (job,) = listed([{**GOOD, "status": state} for state in states]).jobs
    assert job.phase == phase


@pytest.mark.parametrize(
    ("word", "phase", "known"),
    [
        ("Available", "ready", True),
        (" AVAILABLE \n", "ready", True),
        ("training completed", "trained", True),
        ("Training-Initiated", "running", True),
        ("Canceled", "failed", False),
        ("CANCELLED", "failed", False),
        ("aborted ", "failed", False),
        ("Expired", "failed", False),
        ("SUCCEEDED", "running", False),
        ("COMPLETED", "running", False),
        ("MELTED", "running", False),
    ],
)
def test_word_counts_however_it_is_spelled(word: str, phase: str, known: bool) -> None:
    (job,) = listed([{**GOOD, "status": word}]).jobs
    assert (job.phase, job.known, job.provider_status) == (phase, known, word.strip())


def rows(count: int) -> list[dict[str, Any]]:
    return [{"id": str(number), "name": f"n{number}", "status": "AVAILABLE"} for number in range(count)]


@pytest.mark.parametrize("count", [10, 16, 20, 25, 50, 64, 75, 100, 128, 200, 250, 500, 1000])
def test_list_of_a_round_length_may_be_cut(count: int) -> None:
    assert not listed(rows(count)).list_is_complete
    assert listed(rows(count + 1)).list_is_complete


@pytest.mark.parametrize(
    "header", ['Link: <https://x/?page=2>; rel="next"', "X-Next-Page: 2", "X-Total-Count: 4", "X-Total: 17"]
)
def test_list_that_marks_a_further_page_may_be_cut(header: str) -> None:
    assert not listed(rows(3), header).list_is_complete
    assert listed(rows(3), 'Link: <https://x/>; rel="prev"', "X-Total-Count: 3").list_is_complete


@pytest.mark.parametrize("name", [None, "", 7, "absent"])
def test_row_without_a_name_may_be_ours(name: Any) -> None:
    row = {"id": "x", "status": "REQUESTED", **({} if name == "absent" else {"name": name})}
    found = listed([row, GOOD])
    assert not found.list_is_complete
    assert {job.name for job in found.named(OURS)} == {OURS}


@pytest.mark.parametrize("name", [OURS.upper(), OURS[:12], f"{OURS}-1a2b3c4d", f" {OURS} ", f"team/{STEM}"])
def test_row_whose_name_may_be_ours_with_changes_proves_no_absence(name: str) -> None:
    assert not listed([{"id": "x", "name": name, "status": "REQUESTED"}]).list_is_complete


@pytest.mark.parametrize("name", [OURS, "fedcba9876543210-g12", "a stranger's", "robot arm 2026", "decade"])
def test_row_of_another_training_or_person_does_not_count_as_ours(name: str) -> None:
    assert listed([{"id": "x", "name": name, "status": "REQUESTED"}]).list_is_complete


@pytest.mark.parametrize("document", [{"data": [GOOD]}, {"error": "no"}, None, "AVAILABLE", 7])
def test_list_that_is_no_list_is_an_error_that_shows_it(document: Any) -> None:
    with pytest.raises(UnexpectedResponse, match=r"should be a JSON array.*provider segmind; status 200"):
        listed(document)


# BFL tells ids, comments and states by three routes.

BflAnswers = dict[str, tuple[str, Any]]
READY = ("200 OK", {"id": "ours", "status": "Ready", "result": None})


@contextmanager
def bfl(
    ids: Any, details: BflAnswers, results: BflAnswers, beside: dict[str, Any] | None = None
) -> Iterator[Spoken]:
    """BFL with these answers by id."""

    def reply(connection: Any) -> None:
        path = server.requests[-1].split(b" ")[1].decode()
        route, _, query = path.partition("?")
        job_id = query.partition("=")[2]
        if route == "/v1/my_finetunes":
            status, document = "200 OK", {"finetunes": ids, **(beside or {})}
        else:
            status, document = (details if "details" in route else results)[job_id]
        saying(status, json.dumps(document).encode())(connection)

    with speaking(reply) as server:
        yield server


def comment(text: Any) -> tuple[str, Any]:
    return "200 OK", {"finetune_details": {"finetune_comment": text}}


def provider(server: Spoken) -> BflProvider:
    return BflProvider(KEY, base_url=server.url, policy=TICK_POLICY)


@pytest.mark.parametrize("early", [None, "", 7, {"finetune_comment": "x"}])
def test_comment_that_comes_later_is_found_then_and_no_other_is_kept(tmp_path: Path, early: Any) -> None:
    details = {"ours": comment(early)}
    with bfl(["ours"], details, {"ours": READY}) as server:
        client = provider(server)
        client.job_names = JobNameCache(LocalDirectory(tmp_path), "bfl.default")
        assert client.find(STEM).jobs == ()
        details["ours"] = comment(OURS)
        assert [job.name for job in client.find(STEM).jobs] == [OURS]
        asked = len(server.requests)
        assert client.find(STEM).jobs
        assert len(server.requests) == asked + 2


@pytest.mark.parametrize("kept", ["None", ""])
def test_name_that_was_kept_of_an_answer_without_one_is_asked_for_anew(tmp_path: Path, kept: str) -> None:
    names = JobNameCache(LocalDirectory(tmp_path), "bfl.default")
    names.keep("ours", kept)
    with bfl(["ours"], {"ours": comment(OURS)}, {"ours": READY}) as server:
        client = provider(server)
        client.job_names = names
        assert [job.name for job in client.find(STEM).jobs] == [OURS]


def test_finetune_that_was_deleted_meanwhile_is_left_out() -> None:
    gone = ("404 Not Found", {"detail": "Finetune not found"})
    with bfl(["gone", "ours"], {"gone": gone, "ours": comment(OURS)}, {"ours": READY}) as server:
        for ask in (provider(server).list_jobs, lambda: provider(server).find(STEM)):
            found = ask()
            assert [job.job_id for job in found.jobs] == ["ours"]
            assert found.shown == {"gone", "ours"}


ODD_RESULTS = [
    ("200 OK", {"status": None}),
    ("200 OK", {"detail": "x"}),
    ("422 No", {"detail": [{"loc": ["query", "id"], "msg": "bad"}]}),
    ("200 OK", []),
    ("404 Not Found", {"detail": "Not Found"}),
]


@pytest.mark.parametrize("odd", ODD_RESULTS)
def test_state_of_one_that_cannot_be_read_blinds_for_that_one_only(odd: tuple[str, Any]) -> None:
    names = {"odd": comment("stranger"), "ours": comment(OURS)}
    with bfl(["odd", "ours"], names, {"odd": odd, "ours": READY}) as server:
        assert [job.job_id for job in provider(server).list_jobs().jobs] == ["ours"]
    with bfl(["odd", "ours"], names, {"odd": READY, "ours": odd}) as server:
        found = provider(server).find(STEM)
    assert (found.jobs, set(found.unreadable)) == ((), {OURS})


def test_key_that_is_refused_is_no_odd_row() -> None:
    refused = ("403 No", {"detail": "Not authenticated"})
    with bfl(["ours"], {"ours": refused}, {}) as server, pytest.raises(AuthenticationFailed):
        provider(server).list_jobs()


@pytest.mark.parametrize(
    ("ids", "shown", "notes"),
    [([7], {"7"}, 0), ([None, {"x": 1}, "", "ours"], {"ours"}, 3), (["ours", "ours"], {"ours"}, 0)],
)
def test_ids_of_other_types_are_read_or_noted(ids: list[Any], shown: set[str], notes: int) -> None:
    with bfl(ids, {"7": comment(OURS), "ours": comment(OURS)}, {"7": READY, "ours": READY}) as server:
        found = provider(server).list_jobs()
    assert (set(found.shown), len(found.notes)) == (shown, notes)
    assert len(found.jobs) == 1


def test_list_of_finetunes_is_never_complete() -> None:
    for beside in ({"has_more": True}, {"next": None}):
        with bfl([], {}, {}, beside) as server:
            assert not provider(server).list_jobs().list_is_complete


@pytest.mark.parametrize(
    ("word", "phase", "known"),
    [("ready", "ready", True), (" Ready", "ready", True), ("CONTENT MODERATED", "failed", True),
     ("Succeeded", "running", False), ("cancelled", "failed", False)],
)  # fmt: skip
def test_bfls_word_counts_however_it_is_spelled(word: str, phase: str, known: bool) -> None:
    with bfl([], {}, {"ours": ("200 OK", {"status": word})}) as server:
        job = provider(server).get_job(Submission(job_id="ours"))
    assert (job.phase, job.known) == (phase, known)


def test_task_not_found_is_understood_with_a_space_behind_it() -> None:
    with bfl([], {"ours": comment(OURS)}, {"ours": ("200 OK", {"status": "Task not found "})}) as server:
        job = provider(server).get_job(Submission(job_id="ours"))
    assert (job.phase, job.known) == ("running", True)
