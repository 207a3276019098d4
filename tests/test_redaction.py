from __future__ import annotations

import logging
from typing import get_args

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from tuneloop.emulator import EmulatorControl
from tuneloop.orchestration.approvals import (
    LostJobResolution,
    PromotionReview,
    SubmitApproval,
    SubmitResolution,
)
from tuneloop.providers.segmind.client import SegmindProvider
from tuneloop.redaction import EXCERPT_LIMIT, excerpt, redact

SIGNED = "https://bucket.s3.amazonaws.com/a/b.zip?X-Amz-Algorithm=AWS4&X-Amz-Signature=0123abcd"


@given(before=st.text(max_size=50), after=st.text(max_size=50))
def test_signature_never_survives(before: str, after: str) -> None:
    assert "0123abcd" not in redact(f"{before} {SIGNED} {after}")


@given(before=st.text(max_size=5000))
def test_key_at_the_cut_of_an_excerpt_is_not_shown_in_part(before: str) -> None:
    shown = excerpt(f"{before}SG_0123456789abcdef tail".encode())
    assert "SG_0123" not in shown
    assert len(shown) <= EXCERPT_LIMIT + 1


def test_a_secret_of_any_form_is_taken_out() -> None:
    assert redact("key is hunter2, really", ("hunter2",)) == "key is …, really"


@pytest.mark.parametrize("form", [SubmitApproval, SubmitResolution, LostJobResolution, PromotionReview])
def test_reason_in_a_form_loses_its_keys_and_signatures(
    form: type[SubmitApproval | SubmitResolution | LostJobResolution | PromotionReview],
) -> None:
    decision = get_args(form.model_fields["decision"].annotation)[0]
    answer = form.model_validate({"decision": decision, "reason": f"see {SIGNED} with SG_0123456789abcdef"})
    assert answer.reason == "see https://bucket.s3.amazonaws.com/a/b.zip?… with …"


def test_excerpt_holds_nothing_that_a_terminal_obeys() -> None:
    assert excerpt(b"\x1b]0;owned\x07red\x1b[31m\x00, \xc2\x9bm gr\xc3\xbcn\n") == "]0;owned red [31m , m grün"


def test_an_echoed_upload_is_cut_out() -> None:
    assert "QUJD" * 20 not in redact('{"input": "' + "QUJD" * 200 + '"}')


def test_debug_logs_of_the_http_library_hold_no_signature(
    emulator: EmulatorControl, provider: SegmindProvider, caplog: pytest.LogCaptureFixture
) -> None:
    provider.list_jobs()
    with caplog.at_level(logging.DEBUG, logger="urllib3.connectionpool"):
        requests.get(f"{emulator.url}/s3/nothing?X-Amz-Signature=0123abcd", timeout=60)
    assert "/s3/nothing" in caplog.text
    assert "0123abcd" not in caplog.text
