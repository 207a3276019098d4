from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneloop.errors import RateLimited
from tuneloop.http.response import Response
from tuneloop.http.retries import seconds_until_allowed
from tuneloop.providers.bfl import errors as bfl_errors
from tuneloop.providers.segmind import errors as segmind_errors

SPELLINGS: dict[str, Callable[[datetime], str]] = {
    "seconds": lambda _: "600",
    "seconds with a point": lambda _: "600.0",
    "epoch": lambda at: f"{at.timestamp():.0f}",
    "epoch in ms": lambda at: f"{at.timestamp() * 1e3:.0f}",
    "epoch in us": lambda at: f"{at.timestamp() * 1e6:.0f}",
    "epoch in ns": lambda at: f"{at.timestamp() * 1e9:.0f}",
    "ISO 8601": lambda at: at.isoformat(),
    "ISO 8601 without a zone": lambda at: at.strftime("%Y-%m-%d %H:%M:%S"),
    "HTTP date": lambda at: format_datetime(at, usegmt=True),
}


@pytest.mark.parametrize("name", ["retry-after", "x-rate-limit-reset", "x-rate-limit-reset-at-utc"])
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_reset_is_read_in_any_unit(name: str, spelling: str) -> None:
    text = SPELLINGS[spelling](datetime.now(UTC) + timedelta(minutes=10))
    assert seconds_until_allowed({name: text}) == pytest.approx(600, abs=60)


@pytest.mark.parametrize(
    "text",
    ["2099-01-01", "4070908799000000", "4070908799", "86400", "Fri, 31 Dec 9999 23:59:59 GMT"],
)
def test_no_header_silences_an_account_for_more_than_an_hour(text: str) -> None:
    assert seconds_until_allowed({"retry-after": text}) == 3600


@pytest.mark.parametrize("text", ["0", "1", "1000000000", "2001-01-01", "Mon, 01 Jan 2001 00:00:00 GMT"])
def test_moment_that_has_passed_is_no_time_to_wait(text: str) -> None:
    seconds = seconds_until_allowed({"retry-after": text})
    assert seconds is not None
    assert 0 <= seconds <= 1


@pytest.mark.parametrize("text", ["", "soon", "nan", "inf", "-5", "1e999", "²", "9" * 4000, "0001-13-45"])
def test_header_that_says_nothing_says_nothing(text: str) -> None:
    assert seconds_until_allowed({"retry-after": text}) is None


@given(text=st.text(max_size=40) | st.integers().map(str) | st.floats().map(str) | st.datetimes().map(str))
def test_any_header_is_none_or_within_an_hour(text: str) -> None:
    seconds = seconds_until_allowed({"x-rate-limit-reset": text})
    assert seconds is None or 0 <= seconds <= 3600


@pytest.mark.parametrize("map_error", [bfl_errors.map_error, segmind_errors.map_error])
def test_every_provider_reads_them(map_error: object) -> None:
    headers = {"x-rate-limit-reset": f"{(time.time() + 30) * 1000:.0f}"}
    error = map_error(Response("x", 429, headers, b"", ()))  # type: ignore[operator]
    assert isinstance(error, RateLimited)
    assert error.retry_after_s == pytest.approx(30, abs=10)
