"""Fills the templates of pages (HTML) and of short reports (markdown).

A page asks nobody for anything: its policy allows images that lie within it, the one style and the one script
that are named by their hashes, and nothing else. Its links lead to the store that it lies in, and nowhere else.
What comes from data is escaped: in HTML by itself, in markdown by the filters `md` and `code`.
"""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from tuneloop.evaluation.reports.scores import signed
from tuneloop.schemas.shown_text import in_markdown
from tuneloop.schemas.spending import dollars
from tuneloop.storage.base import Store

LATEST = "latest.html"
"""Last part of the name of a page that is written anew: the newest of its folder."""
_FOLDER = Path(__file__).parent / "templates"
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_TO_STORE_ROOT = "../../../"
"""From `models/<model>/reports/` or `models/<model>/pages/`."""


def fill_page(
    template: str, store: Store, *, script: str | None = None, to_root: str = _TO_STORE_ROOT, **values: object
) -> str:
    """Fill a page's template with values.

    Its links lead to the store, whose root is `to_root` from where the page lies. `script` is the file name of its
    script.
    """
    style, code = _text("style.css"), _text(script) if script else None
    return _ENVIRONMENT.get_template(template).render(
        policy=_policy(style, code),
        # Our own files, and nothing of anybody's data: all that is ever put in unescaped.
        style=Markup(style),  # noqa: S704
        script=Markup(code) if code else None,  # noqa: S704
        link=lambda name: store_link(store, name, to_root),
        **values,
    )


def fill_template(template: str, **values: object) -> str:
    """Fill a template of markdown, or of a part of a page, with values."""
    return _ENVIRONMENT.get_template(template).render(**values)


def _text(file_name: str) -> str:
    return (_FOLDER / file_name).read_text(encoding="utf-8")


def _policy(style: str, script: str | None) -> str:
    rules = ["default-src 'none'", "img-src data:", f"style-src {_hash(style)}"]
    if script:
        rules.append(f"script-src {_hash(script)}")
    return "; ".join([*rules, "base-uri 'none'", "form-action 'none'"])


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


class StoreLink(NamedTuple):
    """An object of the store, as a page names it."""

    uri: str
    """Its full address, to read and to copy. Never a signed one: a page is handed on."""
    href: str | None
    """A link that works wherever a local store is put; None for a store that a browser cannot read."""


def store_link(store: Store, name: str, to_root: str = _TO_STORE_ROOT) -> StoreLink:
    """Link to an object of the store, whose root is `to_root` from where the page lies."""
    return StoreLink(store.uri_of(name), to_root + name if store.uri.startswith("file:") else None)


def truncate(text: str, limit: int) -> str:
    """A text on one line, cut to a number of characters."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "\N{HORIZONTAL ELLIPSIS}"


def _full_if_truncated(text: str, limit: int) -> str | None:
    return text if len(" ".join(text.split())) > limit else None


def _code(text: str) -> str:
    """A text as code of markdown, safe inside a table cell."""
    return "`" + " ".join(text.split()).replace("`", "'").replace("|", "\\|") + "`"


def _cleaned(value: object) -> object:
    """Take out of a text what no page can hold: control characters and halves of characters."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", value).encode("utf-8", "replace").decode()
    return value


_ENVIRONMENT = Environment(
    loader=FileSystemLoader(_FOLDER),
    autoescape=select_autoescape(["html"]),
    undefined=StrictUndefined,
    finalize=_cleaned,
    trim_blocks=True,
    lstrip_blocks=True,
)
_ENVIRONMENT.globals |= {"truncated": truncate, "full_if_truncated": _full_if_truncated, "dollars": dollars}
_ENVIRONMENT.filters |= {"md": in_markdown, "code": _code, "signed": signed}
