"""The check of weights on their way into the store, against the library that defines the format."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import SafetensorError, deserialize
from safetensors.numpy import save

from tuneloop.errors import InvalidWeights
from tuneloop.storage.base import Store
from tuneloop.storage.safetensors import MAX_HEADER_BYTES, checked_chunks

DTYPES = {
    "F32": np.float32,
    "F16": np.float16,
    "U8": np.uint8,
    "I64": np.int64,
    "BOOL": np.bool_,
    "C64": np.complex64,
}
shapes = st.lists(st.integers(0, 5), max_size=3).map(tuple)


@st.composite
def files(draw: st.DrawFn) -> bytes:
    """Whole files as the library writes them."""
    kinds = draw(
        st.dictionaries(
            st.text(st.characters(codec="utf-8"), min_size=1, max_size=8).filter(
                lambda name: name != "__metadata__"
            ),
            st.tuples(st.sampled_from(sorted(DTYPES)), shapes),
            min_size=1,
            max_size=5,
        )
    )
    metadata = draw(st.none() | st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=2))
    return save({name: np.ones(shape, DTYPES[dtype]) for name, (dtype, shape) in kinds.items()}, metadata)


def split(data: bytes, piece: int) -> Iterator[bytes]:
    yield from (data[start : start + piece] for start in range(0, len(data), piece))
    yield b""


def passes(data: bytes, piece: int = 7) -> bool:
    handed_on = bytearray()
    try:
        for chunk in checked_chunks("the weights", split(data, piece)):
            handed_on += chunk
    except InvalidWeights:
        # What was handed on is never the whole stream: a store cannot take it for the end.
        assert len(handed_on) < max(len(data), 1)
        return False
    assert handed_on == data
    return True


def library_reads(data: bytes) -> bool:
    try:
        deserialize(data)  # type: ignore[no-untyped-call]
    except SafetensorError:
        return False
    return True


def with_header(header: object, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def tensor(dtype: str, shape: list[int], *offsets: int) -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": list(offsets)}


@settings(max_examples=40)
@given(data=files(), piece=st.integers(1, 200))
def test_whole_file_passes_byte_for_byte(data: bytes, piece: int) -> None:
    assert passes(data, piece)


@settings(max_examples=40)
@given(data=files(), piece=st.integers(1, 200), where=st.floats(0, 1, exclude_max=True))
def test_cut_file_never_passes(data: bytes, piece: int, where: float) -> None:
    assert not passes(data[: int(len(data) * where)], piece)


@settings(max_examples=40)
@given(data=files(), more=st.binary(min_size=1, max_size=20), piece=st.integers(1, 200))
def test_file_that_goes_on_never_passes(data: bytes, more: bytes, piece: int) -> None:
    assert not passes(data + more, piece)


@settings(max_examples=100)
@given(data=files(), position=st.integers(0), bit=st.integers(0, 7))
def test_file_with_a_flipped_bit_in_its_header_passes_only_if_the_library_reads_it(
    data: bytes, position: int, bit: int
) -> None:
    header = 8 + int.from_bytes(data[:8], "little")
    flipped = bytearray(data)
    flipped[position % header] ^= 1 << bit
    if passes(bytes(flipped)):
        assert library_reads(bytes(flipped))


@settings(max_examples=40)
@given(data=files(), position=st.integers(0), by=st.integers(-3, 3).filter(bool))
def test_file_whose_sizes_were_changed_never_passes(data: bytes, position: int, by: int) -> None:
    header = int.from_bytes(data[:8], "little")
    entries = json.loads(data[8 : 8 + header])
    names = sorted(set(entries) - {"__metadata__"})
    offsets = entries[names[position % len(names)]]["data_offsets"]
    offsets[position % 2] += by
    assert not passes(with_header(entries, data[8 + header :]))


WHOLE = tensor("F32", [2], 0, 8)
BROKEN = {
    "ends": b"",
    "within its header": with_header({"a": WHOLE}, b"12345678")[:20],
    "ends after 76 of 77 bytes": with_header({"a": WHOLE}, b"1234567"),
    "goes on after its 77 bytes": with_header({"a": WHOLE}, b"123456789"),
    "not the length of a header": b"<!DOCTYPE html><html>Sign in</html>",
    "no tensor": with_header({}),
    "__metadata__": with_header({"__metadata__": {"a": 1}, "a": WHOLE}, b"12345678"),
    "not a JSON object": with_header(b"[1]"),
    "not valid JSON": with_header(b"{'a': 1}"),
    "utf-8": with_header(b'{"\xff": 1}'),
    "twice": with_header(
        b'{"a":' + json.dumps(WHOLE).encode() + b',"a":' + json.dumps(WHOLE).encode() + b"}", b"12345678"
    ),
    "NaN": with_header(b'{"a": NaN}'),
    # Python up to 3.13 speaks of a recursion, later ones of the stack.
    "header is not valid JSON": with_header(b'{"a":' + b"[" * 100_000),
    "unknown type 'F33'": with_header({"a": tensor("F33", [2], 0, 8)}, b"12345678"),
    "unknown type None": with_header({"a": 1}),
    "no proper shape": with_header({"a": tensor("F32", [-2], 0, 8)}, b"12345678"),
    "shape and data_offsets": with_header(
        {"a": {"dtype": "F32", "shape": [True], "data_offsets": [0, 4]}}, b"1234"
    ),
    "proper shape and data_offsets": with_header({"a": tensor("F32", [2], 0)}, b"12345678"),
    "F32 [2] takes 8": with_header({"a": tensor("F32", [2], 0, 4)}, b"1234"),
    "F4 [3] takes 1.5": with_header({"a": tensor("F4", [3], 0, 2)}, b"12"),
    "is too large": with_header({"a": tensor("U8", [2**40, 2**40, 0], 0, 0)}),
    "starts at byte 9, not at 8": with_header({"a": WHOLE, "b": tensor("F32", [2], 9, 17)}, b"1" * 17),
    "starts at byte 4, not at 8": with_header({"a": WHOLE, "b": tensor("F32", [2], 4, 12)}, b"1" * 12),
    "starts at byte 1, not at 0": with_header({"a": tensor("U8", [1], 1, 2)}, b"12"),
}


@pytest.mark.parametrize(("reason", "data"), BROKEN.items(), ids=BROKEN)
def test_broken_file_is_refused_with_its_reason(reason: str, data: bytes) -> None:
    with pytest.raises(InvalidWeights) as caught:
        list(checked_chunks("weights of job 7", [data]))
    assert reason in str(caught.value)
    assert str(caught.value).startswith("weights of job 7 is not a complete safetensors file")
    assert "Fetch it again" in str(caught.value)


def test_message_stays_short_whatever_the_file_says() -> None:
    with pytest.raises(InvalidWeights) as caught:
        list(checked_chunks("w", [with_header({"a" * 100_000: 1})]))
    assert len(str(caught.value)) < 600


def test_file_that_starts_with_an_impossible_length_is_refused_at_once() -> None:
    def endless() -> Iterator[bytes]:
        yield (MAX_HEADER_BYTES + 1).to_bytes(8, "little")
        pytest.fail("the stream was read on")

    with pytest.raises(InvalidWeights, match="not the length of a header"):
        list(checked_chunks("w", endless()))


def test_longest_header_is_read_on() -> None:
    started = MAX_HEADER_BYTES.to_bytes(8, "little") + b"{"
    with pytest.raises(InvalidWeights, match="ends after 9 bytes, within its header"):
        list(checked_chunks("w", [started]))


@pytest.mark.parametrize("size", [1_000, 3_000_000])
def test_cut_weights_leave_nothing_in_the_store(store: Store, size: int) -> None:
    data = save({"a": np.ones(size, np.float32)})
    with pytest.raises(InvalidWeights):
        store.write_stream("weights", checked_chunks("w", split(data[:-1], 1 << 20)))
    assert list(store.names("")) == []
    stored = store.write_stream("weights", checked_chunks("w", split(data, 1 << 20)))
    assert stored.size_bytes == len(data)
    assert store.read("weights") == data
