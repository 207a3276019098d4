"""Captions as they are sent to a provider."""

from __future__ import annotations

import codecs
import re
import unicodedata
from pathlib import Path
from typing import Self

from tuneloop.schemas.findings import Finding, error
from tuneloop.schemas.frozen import FrozenModel
from tuneloop.schemas.recipe_fields import BaseRecipe

MAX_CAPTION_BYTES = 1 << 20
"""Of one file. What is larger is no caption, and is not read."""

_UNSEEN = " \t\u00ad\u034f\u061c\u115f\u1160\u180e\u2800\u3164\ufeff\uffa0" + "".join(
    map(chr, (*range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070)))
)
"""Signs without a shape: soft hyphens, byte order marks, marks of direction, blanks that pass as letters."""
_IN_WORDS = frozenset({"Lu", "Ll", "Lt", "Lm", "Lo", "Nd", "Nl", "No", "So"})
_NOTHING = frozenset({"nan", "NaN", "None", "null", "undefined", "<NA>"})
"""What Python, pandas and JavaScript write where a caption is missing."""


class CaptionRule(FrozenModel):
    """How a recipe turns what stands beside an image into the caption that is sent."""

    trigger_word: str | None
    """The rare word that stands for the subject; every caption that is sent holds it. None: no such word."""
    instance_prompt: str | None
    """The caption of images that have none of their own. None: they stay without."""
    provider_captions: bool
    """Leave images without a caption to the provider's own captioning."""

    @classmethod
    def of(cls, recipe: BaseRecipe, *, as_written: bool = False) -> Self:
        """The rule of a recipe; `as_written` leaves captions as they are, and adds none."""
        return cls(
            trigger_word=None if as_written else recipe.trigger,
            instance_prompt=None if as_written else recipe.default_caption,
            provider_captions=as_written or recipe.provider_captions,
        )

    def caption_as_sent(self, written: str) -> str | None:
        """Turn the text beside an image (empty if there is none) into the caption that is sent, on one line.

        None leaves it to the provider. Applying the rule to its own result changes nothing.
        """
        caption = words_of(written)
        if not caption and not self.provider_captions:
            caption = one_line(self.instance_prompt or "")
        if not caption:
            return None
        trigger = one_line(self.trigger_word or "")
        if not trigger or count_word(trigger, caption):
            return caption
        return f"{trigger}, {caption}"


def read_caption(path: Path, name: str) -> str | Finding:
    """Read a caption file as it was written, or say why it cannot be used."""
    huge = error("caption-huge", name, "is larger than 1 MiB, too large for a caption", "rename or remove it")
    return read_text(path, name, MAX_CAPTION_BYTES, huge)


def read_text(path: Path, name: str, most_bytes: int, huge: Finding) -> str | Finding:
    """Read a file of UTF-8, a byte order mark dropped; the other encodings of text editors are told by name."""
    again = "save it again as UTF-8 text"
    try:
        with path.open("rb") as file:
            data = file.read(most_bytes + 1)
        if len(data) > most_bytes:
            return huge
        if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return error("caption-utf16", name, "is UTF-16 or UTF-32", again)
        text = data.decode("utf-8-sig")
    except OSError as caught:
        return error("unreadable", name, f"cannot be read ({caught.strerror})", "make it readable or remove it")
    except UnicodeDecodeError as caught:
        return error("caption-encoding", name, f"is not UTF-8 (byte {caught.start + 1})", again)
    # UTF-16 without a byte order mark passes as UTF-8 with a NUL after every letter.
    return error("caption-nul", name, "holds NUL characters", again) if "\0" in text else text


def one_line(text: str) -> str:
    """A caption without line ends and double spaces, and without what nobody sees at its ends."""
    return " ".join(text.split()).strip(_UNSEEN)


def words_of(text: str) -> str:
    """A caption on one line, empty where it has no words: no letter, digit or emoji, or a program's nothing."""
    line = one_line(text)
    has_words = any(unicodedata.category(sign) in _IN_WORDS and sign not in _UNSEEN for sign in line)
    return line if has_words and line not in _NOTHING else ""


def count_word(word: str, text: str) -> int:
    """How often a word stands in a text by itself."""
    # Not \b: it finds no boundary beside a trigger that starts or ends with punctuation, such as <tea>.
    return len(re.findall(rf"(?<!\w){re.escape(word)}(?!\w)", text))
