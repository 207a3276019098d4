from __future__ import annotations

import logging
import sys
from pathlib import Path

import pytest

from tuneloop.errors import ConfigurationError
from tuneloop.evaluation.metrics.clip import FOLDER_FILES, ModelChoice, load


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "my-clip"
    path.mkdir()
    for name in FOLDER_FILES:
        (path / name).write_bytes(b"")
    return path


def test_tag_and_hub_are_named_as_they_are_written() -> None:
    tag = ModelChoice.parse(" ViT-B-32/laion2b_s34b_b79k ")
    assert (tag.model, tag.weights, tag.local) == ("ViT-B-32", "laion2b_s34b_b79k", False)
    hub = ModelChoice.parse("hf-hub:owner/model")
    assert (hub.model, hub.weights, hub.local) == ("hf-hub:owner/model", None, False)
    assert (tag.name, hub.name) == ("ViT-B-32/laion2b_s34b_b79k", "hf-hub:owner/model")


def test_folder_and_file_are_found_and_their_names_tell_nothing_of_the_machine(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = ModelChoice.parse(str(folder))
    assert (whole.model, whole.weights, whole.local) == (f"local-dir:{folder}", None, True)
    weights = folder / FOLDER_FILES[1]
    part = ModelChoice.parse(f"ViT-B-32:{weights}")
    assert (part.model, part.weights, part.local) == ("ViT-B-32", str(weights), True)
    assert str(folder.parent) not in whole.name + part.name
    monkeypatch.setenv("HOME", str(folder.parent))
    assert ModelChoice.parse("~/my-clip").model == whole.model
    assert ModelChoice.parse("ViT-B-32:~/my-clip/open_clip_model.safetensors").weights == str(weights)


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("ViT-B-32", "names no model; write ARCHITECTURE/TAG"),
        ("ViT-B-32/", "names no model"),
        ("a/b/c", "names no model"),
        (":/x.safetensors", "names no model"),
        ("hf-hub:", "no model of the hub; write"),
        ("hf-hub:model", "no model of the hub"),
        ("/no/such/folder", "no such folder here; name one that the worker sees"),
        ("ViT-B-32:/no/such.safetensors", "no such file here; name one that the worker sees"),
        ("ViT-B-32:/models/clip.pt", "can run code when they are opened; convert the weights"),
        ("{folder}/open_clip_model.safetensors", "its architecture is not named; write ARCHITECTURE:FILE"),
    ],
)
def test_setting_that_names_nothing_usable_is_refused_with_the_remedy(
    setting: str, says: str, folder: Path
) -> None:
    setting = setting.format(folder=folder)
    with pytest.raises(ConfigurationError) as refused:
        load(setting)
    message = str(refused.value)
    assert message.startswith(f"TUNELOOP_CLIP_MODEL={setting}: ")
    assert says in message
    assert message.endswith("or leave it empty for no CLIP scores")


@pytest.mark.parametrize("missing", FOLDER_FILES)
def test_folder_without_one_of_its_files_is_refused_by_that_files_name(folder: Path, missing: str) -> None:
    (folder / missing).unlink()
    with pytest.raises(ConfigurationError, match=f"lacks {missing};"):
        load(str(folder))


def test_missing_extra_is_told_with_the_command_that_installs_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "open_clip", None)
    with pytest.raises(ConfigurationError, match=r"extra clip is not installed .*pip install 'tuneloop\[clip\]'"):
        load(str(folder))


def test_torch_and_torchvision_that_do_not_fit_are_told_from_a_missing_extra(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "open_clip.py").write_text("raise RuntimeError('operator torchvision::nms does not exist')")
    monkeypatch.delitem(sys.modules, "open_clip", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigurationError, match=r"nms does not exist.*torch and a torchvision that fit"):
        load(str(folder))


@pytest.mark.parametrize("logger", ["root", "httpx"])
def test_signed_addresses_of_the_hub_are_not_logged(logger: str, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(ConfigurationError):
        load("nonsense")
    logging.getLogger(logger).error("refused: %s", "https://hub.test/weights?X-Amz-Signature=0123abcd")
    assert "https://hub.test/weights?…" in caplog.text
    assert "0123abcd" not in caplog.text
