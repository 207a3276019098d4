from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.datasets.images import png_of
from tests.datasets.sources.public_server import Shelf, serving
from tests.datasets.sources.zips import contents_of, open_and_close, zipped
from tuneloop.datasets.sources import limits
from tuneloop.datasets.sources.opening import open_source
from tuneloop.datasets.sources.public_zip import check_address, check_still_there
from tuneloop.emulator.segmind.trainers import dataset_failure
from tuneloop.errors import DatasetError


@pytest.fixture(autouse=True)
def _own_network_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNELOOP_ALLOW_PRIVATE_ADDRESSES", "true")


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def url(shelf: Shelf) -> Iterator[str]:
    with serving(shelf) as address:
        yield address


def test_flat_zip_is_fetched_and_unpacked_without_what_systems_leave_behind(shelf: Shelf, url: str) -> None:
    shelf.body = zipped({"a.png": png_of(1), "a.txt": b"a cat", "Thumbs.db": b"x", ".DS_Store": b"x"})
    with open_source(url, provider_fetches=True) as source:
        assert contents_of(source.folder) == {"a.png": png_of(1), "a.txt": b"a cat"}
        assert source.public is not None
        assert source.public.size_bytes == len(shelf.body)
        assert source.label == url
    assert not source.folder.parent.exists()


def test_changed_bytes_behind_the_same_address_are_noticed(shelf: Shelf, url: str) -> None:
    shelf.body = zipped({"a.png": png_of(1)})
    with open_source(url, provider_fetches=True) as source:
        public = source.public
    assert public is not None
    check_still_there(public)
    shelf.body = zipped({"a.png": png_of(1), "b.png": png_of(2)})
    with pytest.raises(DatasetError, match="has changed since it was fetched"):
        check_still_there(public)


def test_zip_that_the_provider_fetches_must_be_flat(shelf: Shelf, url: str) -> None:
    shelf.body = zipped({"cats/a.png": png_of(1)})
    with pytest.raises(DatasetError, match=r"'cats/a.png' is in a folder; zip the images flat"):
        open_and_close(url, provider_fetches=True)


@pytest.mark.parametrize(
    ("name", "fails"),
    [("__MACOSX/._a.png", False), ("__MACOSX/", False), ("._a.png", True), (".hidden.jpg", True)],
)
def test_zip_that_a_paid_training_may_fail_on_is_not_taken_for_a_clean_one(
    tmp_path: Path, shelf: Shelf, url: str, name: str, fails: bool
) -> None:
    shelf.body = zipped({"a.png": png_of(1), name: b""})
    (tmp_path / "a.zip").write_bytes(shelf.body)
    # The folder that macOS adds does no harm at the emulator. That is inferred, and nothing to pay for.
    assert (dataset_failure(tmp_path / "a.zip") is not None) == fails
    with pytest.raises(
        DatasetError, match=rf"{re.escape(repr(name))} is hidden or left by the system.*zip the images"
    ):
        open_and_close(url, provider_fetches=True)
    with open_source(url) as source:
        assert contents_of(source.folder) == {"a.png": png_of(1)}


def test_zip_that_we_pack_anew_may_have_folders_and_is_not_the_providers(shelf: Shelf, url: str) -> None:
    shelf.body = zipped({"cats/a.png": png_of(1), "cats/b/c.txt": b"x"})
    with open_source(url) as source:
        assert contents_of(source.folder) == {"cats/a.png": png_of(1), "cats/b/c.txt": b"x"}
        assert source.public is None


def test_progress_of_a_fetch_ends_at_its_size(shelf: Shelf, url: str) -> None:
    shelf.body = zipped({"a.png": bytes(3 << 20)})
    told: list[tuple[int, int | None]] = []
    with open_source(url, on_progress=lambda done, total: told.append((done, total))):
        pass
    assert told[-1] == (len(shelf.body), len(shelf.body))
    assert len(told) > 2


def test_zip_larger_than_what_is_fetched_is_not_fetched(
    shelf: Shelf, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.body = zipped({"a.png": png_of(1)})
    monkeypatch.setattr(limits, "MAX_ZIP_BYTES", len(shelf.body) - 1)
    for provider_fetches in (True, False):
        with pytest.raises(DatasetError, match="the limit"):
            open_and_close(url, provider_fetches=provider_fetches)


def test_what_is_no_zip_is_said_to_be_none(shelf: Shelf, url: str) -> None:
    shelf.body = b"<html>please sign in</html>"
    with pytest.raises(DatasetError, match="is a web page, not a zip"):
        open_and_close(url)


def test_head_and_get_must_agree_on_the_length(shelf: Shelf, url: str) -> None:
    shelf.body = zipped({"a.png": png_of(1)})
    shelf.head_length = 5
    with pytest.raises(DatasetError, match="different lengths; download the zip and name the file"):
        open_and_close(url, provider_fetches=True)
    open_and_close(url)


@pytest.mark.parametrize("same", [True, False])
def test_bytes_count_where_a_server_names_each_answer_anew(shelf: Shelf, url: str, same: bool) -> None:
    shelf.body = zipped({"a.png": png_of(1)})
    with open_source(url, provider_fetches=True) as source:
        public = source.public
    assert public is not None
    if not same:
        shelf.body = shelf.body[:-1] + b"x"
    renamed = public.model_copy(update={"etag": '"another"'})
    if same:
        check_still_there(renamed)
    else:
        with pytest.raises(DatasetError, match="has changed since it was fetched"):
            check_still_there(renamed)


def test_length_of_more_digits_than_any_number_has_is_none(shelf: Shelf, url: str) -> None:
    shelf.head_length = "9" * 5000
    with pytest.raises(DatasetError, match="without a Content-Length"):
        open_and_close(url, provider_fetches=True)


@pytest.mark.parametrize(
    "address",
    [
        "https://user:hunter2@example.invalid/a.zip",
        "https://example.invalid/a.zip?X-Amz-Signature=hunter2",
        "https://example.invalid/a.zip?token=hunter2",
        "https://example.invalid/a.zip#token=hunter2",
        "https://example.invalid/a.zip?AWSAccessKeyId=hunter2",
        "https://example.invalid/a.zip?sv=2022&sig=hunter2",
        "https://example.invalid/a.zip?apikey=hunter2",
        "https://example.invalid/a.zip?api_key=hunter2",
        "https://example.invalid/a.zip?authToken=hunter2",
        "https://example.invalid/a.zip?auth=hunter2",
    ],
)
def test_address_with_a_secret_is_refused_without_showing_it(address: str) -> None:
    with pytest.raises(DatasetError, match="holds a secret") as caught:
        check_address(address)
    assert "hunter2" not in str(caught.value)
    assert "Prefect keeps a run's parameters" in str(caught.value)


@pytest.mark.parametrize(
    "query", ["keyword=cats", "author=ann", "design=2", "monkey=1", "rlkey=abc&dl=1", "authority=x", "id=7"]
)
def test_address_with_harmless_parameters_is_taken(query: str) -> None:
    check_address(f"https://example.invalid/a.zip?{query}")


def test_address_that_cannot_be_read_is_an_error_of_ours() -> None:
    with pytest.raises(DatasetError, match="is malformed; write it as"):
        open_and_close("https://[::/a.zip")
