"""The scores by a CLIP model: CLIP-T, likeness to the prompt, and CLIP-I, likeness to the training images.

The model is the one that `TUNELOOP_CLIP_MODEL` names. It is loaded with open_clip, which comes with the extra
`clip` and is imported only where the setting asks for it.
"""

from __future__ import annotations

import difflib
import functools
import importlib
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from PIL import Image

from tuneloop.errors import ConfigurationError
from tuneloop.evaluation.metrics.features import Array
from tuneloop.evaluation.metrics.image_metrics import NEAREST
from tuneloop.redaction import excerpt, guard_http_logs

SETTING = "TUNELOOP_CLIP_MODEL"
FOLDER_FILES = ("open_clip_config.json", "open_clip_model.safetensors")
"""What a folder of a model holds, under the names that the hub gives them."""

_FORMS = (
    "write ARCHITECTURE/TAG (ViT-B-32/laion2b_s34b_b79k), hf-hub:OWNER/NAME, a folder as the hub has it "
    "(/models/clip), or ARCHITECTURE:FILE (ViT-B-32:/models/clip.safetensors)"
)
_HUB = "hf-hub:"
_BATCH = 16
"""Images that are decoded and held at a time."""
_MAX_COSINE = 0.5
"""Cosine between a text and an image that counts as 1: CLIP models seldom give more than 0.4."""


class Encoder(Protocol):
    """Maps texts and images into one space, in which what belongs together lies together."""

    @property
    def name(self) -> str:
        """Which model this is."""

    def text(self, text: str) -> Array:
        """Embedding of a text, `(size,)` of length 1. What a model cannot read to its end is cut."""

    def images(self, images: Iterable[Image.Image]) -> Array:
        """Embeddings of upright RGB images, `(images, size)`, each of length 1; read one after the other."""


@dataclass(frozen=True)
class ClipScores:
    """A CLIP model, the embeddings `(images, size)` of the training images, and what is left out of prompts.

    `read` opens a rendered image by its name in the store, in full: what the other scorers see is smaller than
    what some models want.
    """

    encoder: Encoder
    training: Array
    trigger_words: tuple[str, ...]
    read: Callable[[str], Image.Image]

    def of(self, prompt: str, names: Sequence[str]) -> dict[str, list[float]]:
        """Score the images of one prompt. Returns a list for each score, under its name."""
        images = self.encoder.images(self.read(name) for name in names)
        text = self.encoder.text(without_trigger_words(prompt, self.trigger_words))
        return {"clip_text": clip_text(images, text), "clip_image": clip_image(images, self.training)}


def clip_text(images: Array, prompt: Array) -> list[float]:
    """Cosine between each image and the prompt, with 0 and below mapped to 0, and 0.5 and above to 1.

    Stretched to twice its size, for all the difference between an image that fits and one that does not is about
    0.1 of cosine. Straight in between, so that differences of two models mean the same everywhere.

    Shapes are `(images, size)` and `(size,)`, each row of length 1.
    """
    return [float(value) for value in np.clip(images @ prompt / _MAX_COSINE, 0, 1)]


def clip_image(images: Array, training: Array) -> list[float]:
    """Cosine between each image and the nearest training images, all of length 1; below 0 counts as 0."""
    nearest = np.sort(images @ training.T, axis=1)[:, -NEAREST:]
    return [float(value) for value in np.clip(nearest.mean(axis=1), 0, 1)]


def without_trigger_words(prompt: str, trigger_words: Sequence[str]) -> str:
    """The prompt as CLIP can understand it.

    A trigger word means something to the model that was trained on it, and nothing, or something else, to CLIP. It
    is left out rather than replaced: no recipe says which kind of thing it stands for. Likeness to the subject is
    what CLIP-I measures. Those of both models are left out, so that both are measured by the same text.
    """
    for word in sorted(trigger_words, key=len, reverse=True):
        prompt = re.sub(rf"(?<!\w){re.escape(word)}(?!\w)", " ", prompt)
    return " ".join(prompt.split())


@dataclass(frozen=True)
class ModelChoice:
    """A CLIP model, named.

    Attributes:
        setting: The setting, as it was written.
        model: What open_clip calls it: an architecture, `hf-hub:…` or `local-dir:…`.
        weights: A tag or a file, for an architecture; None where the model brings its own.
        name: What reports call it; no folder of the machine is in it.
        local: Nothing of it comes from the hub.
    """

    setting: str
    model: str
    weights: str | None
    name: str
    local: bool

    @classmethod
    def parse(cls, setting: str) -> ModelChoice:
        """Parse the setting, and check that the files it names are there.

        Raises:
            ConfigurationError: It is none of the forms, or a file is missing or of another kind.
        """
        text = setting.strip()
        if text.startswith(_HUB):
            owner, slash, name = text.removeprefix(_HUB).partition("/")
            if not (owner and slash and name) or "/" in name:
                raise _rejected(text, "this names no model of the hub", _FORMS)
            return cls(text, text, None, text, local=False)
        if text.startswith(("/", "./", "../", "~")):
            return cls._folder(text)
        architecture, colon, file = text.partition(":")
        if colon:
            return cls._file(text, architecture, file)
        architecture, slash, tag = text.partition("/")
        if not (architecture and slash and tag) or "/" in tag:
            raise _rejected(text, "this names no model", _FORMS)
        return cls(text, architecture, tag, text, local=False)

    @classmethod
    def _folder(cls, text: str) -> ModelChoice:
        folder = Path(text).expanduser().absolute()
        if folder.is_file():
            raise _rejected(text, "this is a file, and its architecture is not named", "write ARCHITECTURE:FILE")
        if not folder.is_dir():
            raise _rejected(text, "there is no such folder here", "name one that the worker sees")
        missing = [name for name in FOLDER_FILES if not (folder / name).is_file()]
        if missing:
            raise _rejected(text, f"the folder lacks {' and '.join(missing)}", "name a folder as the hub has it")
        return cls(text, f"local-dir:{folder}", None, folder.name, local=True)

    @classmethod
    def _file(cls, text: str, architecture: str, file: str) -> ModelChoice:
        path = Path(file).expanduser().absolute()
        if not architecture or not file:
            raise _rejected(text, "this names no model", _FORMS)
        if path.suffix != ".safetensors":
            reason = "other files than .safetensors can run code when they are opened"
            raise _rejected(text, reason, "convert the weights")
        if not path.is_file():
            raise _rejected(text, "there is no such file here", "name one that the worker sees")
        return cls(text, architecture, str(path), f"{architecture}:{path.name}", local=True)


class OpenClipEncoder:
    """A loaded model, see `Encoder`; `prepare` and `tokens` make tensors of an image and of texts."""

    def __init__(
        self, name: str, model: Any, prepare: Callable[[Image.Image], Any], tokens: Callable[[list[str]], Any]
    ) -> None:
        self.name = name
        self._torch = importlib.import_module("torch")
        self._model = model
        self._prepare = prepare
        self._tokens = tokens

    def text(self, text: str) -> Array:
        with self._torch.inference_mode():
            found = self._model.encode_text(self._tokens([text]), normalize=True)
        return np.asarray(found[0].numpy(), np.float32)

    def images(self, images: Iterable[Image.Image]) -> Array:
        waiting = iter(images)
        found = []
        while batch := [self._prepare(image) for image in islice(waiting, _BATCH)]:
            with self._torch.inference_mode():
                found.append(self._model.encode_image(self._torch.stack(batch), normalize=True).numpy())
        return np.concatenate(found).astype(np.float32)


@functools.lru_cache(maxsize=1)
def load(setting: str) -> Encoder:
    """Load the model that a value of `TUNELOOP_CLIP_MODEL` names and try it, once in a process.

    Raises:
        ConfigurationError: It cannot be used; the message says why and what to do.
    """
    guard_http_logs()
    choice = ModelChoice.parse(setting)
    open_clip = _open_clip(choice)
    _check_known(open_clip, choice)
    try:
        model, prepare = open_clip.create_model_from_pretrained(
            choice.model, choice.weights, precision="fp32", device="cpu", weights_only=True
        )
        encoder = OpenClipEncoder(choice.name, model.eval(), prepare, open_clip.get_tokenizer(choice.model))
        _check_embeddings(encoder)
    except Exception as error:  # noqa: BLE001 - open_clip, torch and the hub each raise their own
        remedy = "see whether the hub has it and can be reached from here (or name a local folder)"
        if choice.local:
            remedy = "see whether the weights are whole and of this architecture"
        raise _rejected(choice.setting, f"open_clip cannot load it ({_summary(error)})", remedy) from None
    return encoder


def _open_clip(choice: ModelChoice) -> Any:
    try:
        return importlib.import_module("open_clip")
    except ModuleNotFoundError as error:
        reason = f"the extra clip is not installed (there is no {error.name})"
        remedy = "install it with `pip install 'tuneloop[clip]'`"
    except Exception as error:  # noqa: BLE001 - whatever torch and torchvision raise at import
        reason = f"open_clip cannot be imported ({_summary(error)})"
        remedy = "install a torch and a torchvision that fit each other"
    raise _rejected(choice.setting, reason, remedy)


def _summary(error: Exception) -> str:
    """An error of a library in short. It is not shown as the cause: the hub's may hold signed addresses."""
    return f"{type(error).__name__}: {excerpt(str(error).encode())}"


def _check_known(open_clip: Any, choice: ModelChoice) -> None:
    """Reject an architecture or tag that open_clip does not know, before anything is fetched."""
    if choice.weights is None:
        return
    architectures = open_clip.list_models()
    if choice.model not in architectures:
        raise _unknown(choice, "architecture", choice.model, architectures)
    if choice.local:
        return
    tags = open_clip.list_pretrained_tags_by_model(choice.model)
    if choice.weights not in tags:
        raise _unknown(choice, f"weights of {choice.model}", choice.weights, tags)
    quick = f"{choice.model}-quickgelu"
    weights_are_quick = bool((open_clip.get_pretrained_cfg(choice.model, choice.weights) or {}).get("quick_gelu"))
    if weights_are_quick and not open_clip.get_model_config(choice.model).get("quick_gelu"):
        # open_clip only warns, and every embedding is a little wrong.
        reason = f"these weights were trained with another activation than {choice.model} has"
        raise _rejected(choice.setting, reason, f"write {quick}/{choice.weights}")


def _unknown(choice: ModelChoice, what: str, name: str, known: list[str]) -> ConfigurationError:
    near = ", ".join(difflib.get_close_matches(name, known, n=3) or known[:3])
    return _rejected(choice.setting, f"open_clip knows no {what} named {name}", f"choose one that it has ({near})")


def _check_embeddings(encoder: OpenClipEncoder) -> None:
    """Embed something, so that a model that cannot is found before anything is paid. Raises `ValueError`."""
    text, image = encoder.text("an image"), encoder.images([Image.new("RGB", (64, 64), "gray")])[0]
    if text.shape != image.shape or not (np.isfinite(text).all() and np.isfinite(image).all()):
        raise ValueError("its embeddings of a text and of an image cannot be compared")


def _rejected(setting: str, reason: str, remedy: str) -> ConfigurationError:
    return ConfigurationError(f"{SETTING}={setting}: {reason}; {remedy}, or leave it empty for no CLIP scores")
