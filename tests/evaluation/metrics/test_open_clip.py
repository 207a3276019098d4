from __future__ import annotations

import json
import os
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from tuneloop.errors import ConfigurationError
from tuneloop.evaluation.metrics.clip import ClipScores, Encoder, load

TINY = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 32, "head_width": 16, "patch_size": 8},
    "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2},
}
PREPARED = {
    "mean": [0.5, 0.4, 0.3],
    "std": [0.2, 0.3, 0.25],
    "interpolation": "bicubic",
    "resize_mode": "shortest",
}
CHANCE = np.random.default_rng(7)
IMAGES = [Image.fromarray(CHANCE.integers(0, 256, (40 + n, 64, 3), np.uint8)) for n in range(37)]
PROMPT = "a photo on a beach at sunset"


@pytest.fixture(autouse=True)
def nothing_loaded() -> Iterator[None]:
    load.cache_clear()
    yield
    load.cache_clear()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of a few layers and chance weights, as the hub would have it."""
    path = tmp_path_factory.mktemp("models") / "tiny-clip"
    path.mkdir()
    (path / "open_clip_config.json").write_text(json.dumps({"model_cfg": TINY, "preprocess_cfg": PREPARED}))
    torch.manual_seed(3)
    save_file(open_clip.CLIP(**TINY).state_dict(), path / "open_clip_model.safetensors")
    return path


@pytest.fixture(scope="module")
def architecture(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The same architecture as one of open_clip's own."""
    path = tmp_path_factory.mktemp("architectures") / "Tiny-Test.json"
    path.write_text(json.dumps(TINY))
    open_clip.add_model_config(path)
    return path.stem


def directly(folder: Path) -> tuple[Any, Any]:
    """Embeddings of the prompt and the images by open_clip itself, one after the other."""
    model, prepare = open_clip.create_model_from_pretrained(f"local-dir:{folder}")
    model.eval()
    with torch.no_grad():
        text = model.encode_text(open_clip.get_tokenizer(f"local-dir:{folder}")([PROMPT]))[0]
        images = torch.stack([model.encode_image(prepare(image)[None])[0] for image in IMAGES])
    return text / text.norm(), images / images.norm(dim=1, keepdim=True)


def assert_same(encoder: Encoder, folder: Path) -> None:
    text, images = directly(folder)
    np.testing.assert_allclose(encoder.text(PROMPT), text, atol=1e-5)
    np.testing.assert_allclose(encoder.images(iter(IMAGES)), images, atol=1e-5)


def test_folder_gives_the_embeddings_of_open_clip_itself(folder: Path) -> None:
    encoder = load(str(folder))
    assert encoder.name == "tiny-clip"
    assert_same(encoder, folder)


def test_file_with_its_architecture_gives_the_embeddings_of_its_weights(folder: Path, architecture: str) -> None:
    encoder = load(f"{architecture}:{folder / 'open_clip_model.safetensors'}")
    assert encoder.name == f"{architecture}:open_clip_model.safetensors"
    text, _ = directly(folder)
    np.testing.assert_allclose(encoder.text(PROMPT), text, atol=1e-5)


def test_model_is_loaded_once_in_evaluation_mode_and_gives_the_same_again(folder: Path) -> None:
    encoder = load(str(folder))
    assert load(str(folder)) is encoder
    assert not encoder._model.training  # type: ignore[attr-defined]
    first = encoder.images(IMAGES)
    assert first.shape == (37, 16)
    assert first.dtype == np.float32
    assert np.array_equal(first, encoder.images(IMAGES))
    np.testing.assert_allclose(np.linalg.norm(first, axis=1), 1, atol=1e-5)


def test_images_are_read_a_few_at_a_time(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = load(str(folder))
    opened = 0
    seen: list[int] = []
    embed = encoder._model.encode_image  # type: ignore[attr-defined]

    def reading() -> Iterator[Image.Image]:
        nonlocal opened
        for image in IMAGES:
            opened += 1
            yield image

    def embedding(batch: Any, **options: Any) -> Any:
        seen.append(opened)
        return embed(batch, **options)

    monkeypatch.setattr(encoder._model, "encode_image", embedding)  # type: ignore[attr-defined]
    encoder.images(reading())
    assert seen == [16, 32, 37]


def test_long_prompt_is_cut(folder: Path) -> None:
    assert load(str(folder)).text("robot " * 500).shape == (16,)


def test_weights_of_another_architecture_are_refused(folder: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"TUNELOOP_CLIP_MODEL=.*cannot load it .*of this architecture"):
        load(f"ViT-S-32-alt:{folder / 'open_clip_model.safetensors'}")


def test_cut_weights_are_refused(folder: Path, architecture: str, tmp_path: Path) -> None:
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes((folder / "open_clip_model.safetensors").read_bytes()[:-1000])
    with pytest.raises(ConfigurationError, match="whether the weights are whole"):
        load(f"{architecture}:{cut}")


def test_weights_that_are_no_numbers_are_refused(folder: Path, architecture: str, tmp_path: Path) -> None:
    broken = {name: torch.full_like(tensor, torch.nan) for name, tensor in weights(folder).items()}
    save_file(broken, tmp_path / "broken.safetensors")
    with pytest.raises(ConfigurationError, match="cannot be compared"):
        load(f"{architecture}:{tmp_path / 'broken.safetensors'}")


def weights(folder: Path) -> dict[str, Any]:
    return dict(load_file(folder / "open_clip_model.safetensors"))


class _Marker:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("name", ["open_clip_pytorch_model.bin", "open_clip_model.safetensors"])
def test_pickle_is_never_run(folder: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "open_clip_config.json").write_bytes((folder / "open_clip_config.json").read_bytes())
    (tmp_path / name).write_bytes(pickle.dumps(_Marker(tmp_path / "ran")))
    with pytest.raises(ConfigurationError):
        load(str(tmp_path))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("ViT-B-23/laion2b_s34b_b79k", r"no architecture named ViT-B-23; choose one .*ViT-B-32"),
        ("ViT-B-32/laion2b_s34b", r"no weights of ViT-B-32 named laion2b_s34b; choose one .*laion2b_s34b_b79k"),
        ("ViT-B-32/openai", "another activation .*write ViT-B-32-quickgelu/openai"),
    ],
)
def test_what_open_clip_does_not_have_is_refused_with_what_it_has(setting: str, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        load(setting)


def test_hub_out_of_reach_is_told_with_the_remedy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # Read at import by huggingface_hub, so that only its constants can still be changed.
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    for setting in ("ViT-B-32/laion2b_s34b_b79k", "hf-hub:nobody/nothing"):
        with pytest.raises(ConfigurationError, match="whether the hub has it and can be reached") as refused:
            load(setting)
        assert refused.value.__suppress_context__


def test_training_image_itself_is_as_like_as_can_be_and_every_score_is_a_number(folder: Path) -> None:
    encoder = load(str(folder))
    clip = ClipScores(encoder, encoder.images(IMAGES[:1]), ("ROBOX",), lambda name: IMAGES[int(name)])
    found = clip.of("ROBOX on a beach", [str(number) for number in range(20)])
    assert found["clip_image"][0] == pytest.approx(1, abs=1e-5)
    assert max(found["clip_image"][1:]) < found["clip_image"][0]
    assert all(0 <= value <= 1 for values in found.values() for value in values)
    assert len(found["clip_text"]) == 20
