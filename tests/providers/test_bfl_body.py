"""The zip as base64 within the submit: right at every border, never in large pieces."""

from __future__ import annotations

import base64
import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuneloop.providers.bfl.body import finetune_body

# Around whole groups of three bytes and around the pieces in which is encoded.
SIZES = st.integers(0, 7) | st.sampled_from([49_150, 49_151, 49_152, 49_153, 98_304, 98_305, 98_306, 262_144])


@given(sizes=st.lists(SIZES, max_size=8), seed=st.integers(0, 3))
@settings(deadline=None)
def test_pieces_of_any_size_give_the_zip_back(sizes: list[int], seed: int) -> None:
    drawn = random.Random(seed)  # noqa: S311
    pieces = [drawn.randbytes(size) for size in sizes]
    body = finetune_body({"mode": "style"}, pieces, sum(sizes))
    data = b"".join(body.chunks)
    assert len(data) == body.size_bytes
    assert base64.b64decode(json.loads(data)["file_data"], validate=True) == b"".join(pieces)


@pytest.mark.parametrize("size", [100, 49_152, 1_000_000])
def test_what_is_sent_at_once_is_small_but_not_tiny(size: int) -> None:
    sent = [len(piece) for piece in finetune_body({}, [bytes(size)] * 20, 20 * size).chunks]
    assert max(sent) <= 64 * 1024
    assert len(sent) <= 3 + 20 * size // 49_152
