"""CLIP models through open_clip, which comes with the extra `clip` and is imported only where the setting asks."""

from __future__ import annotations

import difflib
import functools
import importlib
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

import numpy as np
from PIL import Image

from tuneloop.errors import ConfigurationError
from tuneloop.evaluation.metrics.clip.encoder import Encoder
from tuneloop.evaluation.metrics.clip.model_choice import ModelChoice, refusal
from tuneloop.evaluation.metrics.look import Array
from tuneloop.redaction import excerpt, guard_http_logs

_BATCH = 16
"""Images that are decoded and held at a time."""
_WHOLE = "see whether the weights are whole and of this architecture"
_EXTRA = "install it with `.venv/bin/python -m pip install -e '.[clip]'`"
_PAIR = "install a torch and a torchvision that fit each other"
_REACHABLE = "see whether the hub has it and can be reached from here (or name a local folder)"


class OpenClipEncoder:
    """A loaded model.

    Args:
        name: Which one.
        model: The model, in evaluation mode.
        prepare: Makes a tensor of an image, as the model was trained.
        tokens: Makes a tensor of texts.
    """

    def __init__(
        self, name: str, model: Any, prepare: Callable[[Image.Image], Any], tokens: Callable[[list[str]], Any]
    ) -> None:
        self.name = name
        self._torch = importlib.import_module("torch")
        self._model = model
        self._prepare = prepare
        self._tokens = tokens

    def text(self, text: str) -> Array:
        """Embedding of a text, see `Encoder`."""
        with self._torch.inference_mode():
            found = self._model.encode_text(self._tokens([text]), normalize=True)
        return np.asarray(found[0].numpy(), np.float32)

    def images(self, images: Iterable[Image.Image]) -> Array:
        """Embeddings of images, see `Encoder`."""
        waiting = iter(images)
        found = []
        while batch := [self._prepare(image) for image in islice(waiting, _BATCH)]:
            with self._torch.inference_mode():
                found.append(self._model.encode_image(self._torch.stack(batch), normalize=True).numpy())
        return np.concatenate(found).astype(np.float32)


@functools.lru_cache(maxsize=1)
def load(setting: str) -> Encoder:
    """Load a model and try it, once in a process.

    Args:
        setting: The value of `TUNELOOP_CLIP_MODEL`.

    Raises:
        ConfigurationError: It cannot be used; the message says why and what to do.
    """
    guard_http_logs()
    choice = ModelChoice.read(setting)
    open_clip = _open_clip(choice)
    _check_known(open_clip, choice)
    try:
        model, prepare = open_clip.create_model_from_pretrained(
            choice.model, choice.weights, precision="fp32", device="cpu", weights_only=True
        )
        encoder = OpenClipEncoder(choice.name, model.eval(), prepare, open_clip.get_tokenizer(choice.model))
        _try_out(encoder)
    except Exception as error:  # noqa: BLE001 - open_clip, torch and the hub each raise their own
        raise refusal(
            choice.setting, f"open_clip cannot load it ({_said(error)})", _WHOLE if choice.local else _REACHABLE
        ) from None
    return encoder


def _open_clip(choice: ModelChoice) -> Any:
    try:
        return importlib.import_module("open_clip")
    except ModuleNotFoundError as error:
        raise refusal(
            choice.setting, f"the extra clip is not installed (there is no {error.name})", _EXTRA
        ) from None
    except Exception as error:  # noqa: BLE001 - whatever torch and torchvision raise at import
        raise refusal(choice.setting, f"open_clip cannot be imported ({_said(error)})", _PAIR) from None


def _said(error: Exception) -> str:
    """An error of a library in short. It is not shown as the cause: the hub's may hold signed addresses."""
    return f"{type(error).__name__}: {excerpt(str(error).encode())}"


def _check_known(open_clip: Any, choice: ModelChoice) -> None:
    """Refuse an architecture or tag that open_clip does not know, before anything is fetched."""
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
        raise refusal(choice.setting, reason, f"write {quick}/{choice.weights}")


def _unknown(choice: ModelChoice, what: str, name: str, known: list[str]) -> ConfigurationError:
    near = ", ".join(difflib.get_close_matches(name, known, n=3) or known[:3])
    return refusal(choice.setting, f"open_clip knows no {what} named {name}", f"choose one that it has ({near})")


def _try_out(encoder: OpenClipEncoder) -> None:
    """Embed something, so that a model that cannot is found before anything is paid. Raises `ValueError`."""
    text, image = encoder.text("an image"), encoder.images([Image.new("RGB", (64, 64), "gray")])[0]
    if text.shape != image.shape or not (np.isfinite(text).all() and np.isfinite(image).all()):
        raise ValueError("its embeddings of a text and of an image cannot be compared")
