"""Captions as they are sent to a provider."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tuneloop.errors import DatasetError
from tuneloop.values.frozen import Frozen

if TYPE_CHECKING:
    from pathlib import Path


class CaptionRule(Frozen):
    """How a recipe turns what stands beside a picture into the caption that is sent."""

    trigger_word: str | None
    """The rare word that calls the subject; every caption that is sent holds it. None: no such word."""
    instance_prompt: str | None
    """The caption of pictures that have none of their own. None: they stay without."""
    provider_captions: bool
    """Leave pictures without a caption to the provider's own captioning."""

    def caption_as_sent(self, written: str) -> str | None:
        """Turn the text beside a picture (empty if there is none) into the caption that is sent.

        Applying the rule to its own result changes nothing.

        Returns:
            One line holding the trigger word, or None where the provider is to find a caption.
        """
        caption = _one_line(written)
        if not caption and not self.provider_captions:
            caption = _one_line(self.instance_prompt or "")
        if not caption:
            return None
        trigger = _one_line(self.trigger_word or "")
        if not trigger or _occurs_as_word(trigger, caption):
            return caption
        return f"{trigger}, {caption}"


def read_caption(path: Path) -> str:
    """Read a caption file, a byte order mark dropped.

    Raises:
        DatasetError: It cannot be read, or is not UTF-8 text.
    """
    try:
        written = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise DatasetError(
            f"{path.name}: cannot be read ({error.strerror}); make it readable or remove it"
        ) from error
    except UnicodeDecodeError as error:
        raise DatasetError(
            f"{path.name}: is not UTF-8 (byte {error.start + 1}); save it again as UTF-8 text"
        ) from error
    # UTF-16 without a byte order mark passes as UTF-8 with a NUL after every letter.
    if "\0" in written:
        raise DatasetError(f"{path.name}: holds NUL characters; save it again as UTF-8 text")
    return written


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _occurs_as_word(word: str, text: str) -> bool:
    # Not \b: it finds no boundary beside a trigger that starts or ends with punctuation, such as <tea>.
    return re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text) is not None
