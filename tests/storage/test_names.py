"""Which names a store takes, and that it keeps every one of them apart."""

from __future__ import annotations

import string
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tuneloop.errors import StoreError
from tuneloop.storage.base import Store, is_name

LETTERS = string.ascii_letters + string.digits
parts = st.text(LETTERS + "._-", min_size=1, max_size=12).filter(lambda part: not part.startswith("."))
names = st.lists(parts, min_size=1, max_size=4).map("/".join)

ODD = [
    "",
    "/etc/passwd",
    "../outside",
    "a/../../outside",
    "a/./b",
    "a//b",
    "a/",
    ".tmp/draft",
    "a/.hidden",
    "white space",
    "back\\slash",
    "new\nline",
    "end\n",
    "null\x00",
    "umlaut-ä",
    "a?b",
    "a%2Fb",
    "~",
    "a" * 256,
    "/".join(["a" * 200] * 5),
]


@pytest.mark.parametrize("name", ODD)
def test_odd_name_is_refused_by_every_method_before_anything_is_touched(store: Store, name: str) -> None:
    methods = [store.read, store.size, store.exists, store.describe]
    for method in methods:
        with pytest.raises(StoreError, match="cannot be a name"):
            method(name)
    with pytest.raises(StoreError, match="cannot be a name"):
        store.create(name, b"x")
    with pytest.raises(StoreError, match="cannot be a name"):
        store.write_stream(name, iter(()))
    with pytest.raises(StoreError, match="cannot be a name"), store.open(name):
        pass
    assert list(store.names("")) == []


@pytest.mark.parametrize("prefix", ["/", "../", "a//", ".tmp/", "a b", "*"])
def test_odd_prefix_is_refused(store: Store, prefix: str) -> None:
    with pytest.raises(StoreError, match="cannot be a name"):
        list(store.names(prefix))


@given(text=st.text(LETTERS + "._-/ \n\\:é", max_size=20))
def test_accepted_names_have_only_plain_parts(text: str) -> None:
    plain = bool(text) and all(
        part and part[0] != "." and set(part) <= set(LETTERS + "._-") for part in text.split("/")
    )
    assert is_name(text) == plain


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None
)
@given(content=st.dictionaries(names, st.binary(max_size=2000), max_size=5))
def test_every_name_keeps_its_own_bytes(store: Store, content: dict[str, bytes]) -> None:
    # A folder cannot have the name of a file: such sets are for S3 only, and nothing here needs them.
    content = {
        name: data for name, data in content.items() if not any(other.startswith(f"{name}/") for other in content)
    }
    below = uuid4().hex
    for name, data in content.items():
        assert store.create(f"{below}/{name}", data)
    assert list(store.names(f"{below}/")) == sorted(f"{below}/{name}" for name in content)
    for name, data in content.items():
        assert store.read(f"{below}/{name}") == data
        assert store.size(f"{below}/{name}") == len(data)
        assert not store.create(f"{below}/{name}", data + b"!")
