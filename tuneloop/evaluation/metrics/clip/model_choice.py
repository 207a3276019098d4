"""What the setting `TUNELOOP_CLIP_MODEL` may say."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tuneloop.errors import ConfigurationError

SETTING = "TUNELOOP_CLIP_MODEL"
FOLDER_FILES = ("open_clip_config.json", "open_clip_model.safetensors")
"""What a folder of a model holds, under the names that the hub gives them."""

_FORMS = (
    "write ARCHITECTURE/TAG (ViT-B-32/laion2b_s34b_b79k), hf-hub:OWNER/NAME, a folder as the hub has it "
    "(/models/clip), or ARCHITECTURE:FILE (ViT-B-32:/models/clip.safetensors)"
)
_HUB = "hf-hub:"


@dataclass(frozen=True)
class ModelChoice:
    """A CLIP model, named.

    Attributes:
        setting: The setting, as it was written.
        model: What open_clip calls it: an architecture, `hf-hub:…` or `local-dir:…`.
        weights: A tag or a file, for an architecture; None where the model brings its own.
        name: What people are told; no folder of the machine is in it.
        local: Nothing of it comes from the hub.
    """

    setting: str
    model: str
    weights: str | None
    name: str
    local: bool

    @classmethod
    def read(cls, setting: str) -> ModelChoice:
        """Understand the setting, and see that the files it names are there.

        Raises:
            ConfigurationError: It is none of the forms, or a file is missing or of another kind.
        """
        text = setting.strip()
        if text.startswith(_HUB):
            owner, slash, name = text.removeprefix(_HUB).partition("/")
            if not (owner and slash and name) or "/" in name:
                raise refusal(text, "this names no model of the hub", _FORMS)
            return cls(text, text, None, text, local=False)
        if text.startswith(("/", "./", "../", "~")):
            return cls._folder(text)
        architecture, colon, file = text.partition(":")
        if colon:
            return cls._file(text, architecture, file)
        architecture, slash, tag = text.partition("/")
        if not (architecture and slash and tag) or "/" in tag:
            raise refusal(text, "this names no model", _FORMS)
        return cls(text, architecture, tag, text, local=False)

    @classmethod
    def _folder(cls, text: str) -> ModelChoice:
        folder = Path(text).expanduser().absolute()
        if folder.is_file():
            raise refusal(text, "this is a file, and its architecture is not named", "write ARCHITECTURE:FILE")
        if not folder.is_dir():
            raise refusal(text, "there is no such folder here", "name one that the worker sees")
        missing = [name for name in FOLDER_FILES if not (folder / name).is_file()]
        if missing:
            raise refusal(text, f"the folder lacks {' and '.join(missing)}", "name a folder as the hub has it")
        return cls(text, f"local-dir:{folder}", None, folder.name, local=True)

    @classmethod
    def _file(cls, text: str, architecture: str, file: str) -> ModelChoice:
        path = Path(file).expanduser().absolute()
        if not architecture or not file:
            raise refusal(text, "this names no model", _FORMS)
        if path.suffix != ".safetensors":
            raise refusal(
                text, "other files than .safetensors can run code when they are opened", "convert the weights"
            )
        if not path.is_file():
            raise refusal(text, "there is no such file here", "name one that the worker sees")
        return cls(text, architecture, str(path), f"{architecture}:{path.name}", local=True)


def refusal(setting: str, reason: str, remedy: str) -> ConfigurationError:
    """The error that says why a setting cannot be used, and what to do."""
    return ConfigurationError(f"{SETTING}={setting}: {reason}; {remedy}, or leave it empty for no CLIP scores")
