"""Shows the pages of a store in a folder to a browser: read-only, and nothing else of the store.

A page links to images, which are shown too. Records and weights are not: `tuneloop pull` copies weights.
"""

from __future__ import annotations

import re
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from tuneloop.evaluation.reports.listing import list_comparisons, list_pages
from tuneloop.evaluation.reports.models_page import MODELS_PAGE
from tuneloop.evaluation.reports.template import fill_page
from tuneloop.storage.base import Store, is_name

_PAGE = re.compile(r"(?:models/[^/]+/(?:reports|pages)|pages/comparisons/[^/]+|pages)/[^/]+\.html")
_IMAGE = re.compile(r"renders/[^/]+/[^/]+\.(?:png|jpg|jpeg|webp)|images/[0-9a-f]{64}")
_FORMATS = (
    (re.compile(b"\x89PNG\r\n"), "image/png"),
    (re.compile(b"\xff\xd8\xff"), "image/jpeg"),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), "image/webp"),
)
_LONGEST_MAGIC = 12
_HEADERS = {
    # A page is written anew when its question was answered.
    "Cache-Control": "no-cache",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}
_NOT_SHOWN = "Not here: only pages and images are shown. `tuneloop pull` copies weights.\n"


def reports_app(store: Store, folder: Path, hosts: list[str]) -> Starlette:
    """The server of the pages of a store.

    Args:
        store: The store, for the list of its newest pages.
        folder: The same store's folder.
        hosts: The names by which it is reached. Any other one in a request is rejected: a stranger's page in the
            reader's browser must not read the reports under a name of its own.
    """
    root = folder.resolve()

    def page(request: Request) -> Response:
        name = str(request.path_params["name"])
        path = root / name
        # A link inside a store was made by nobody of ours, wherever it leads.
        is_shown = is_name(name) and (_PAGE.fullmatch(name) or _IMAGE.fullmatch(name))
        if not is_shown or path.resolve() != path or not path.is_file():
            return PlainTextResponse(_NOT_SHOWN, 404, _HEADERS)
        return FileResponse(path, headers=_HEADERS, media_type=_media_type(path))

    def index(_: Request) -> Response:
        all_models = MODELS_PAGE if store.exists(MODELS_PAGE) else None
        page = fill_page(
            "index.html",
            store,
            store_uri=store.uri,
            models=list_pages(store),
            comparisons=list_comparisons(store),
            all_models=all_models,
        )
        return HTMLResponse(page, headers=_HEADERS)

    return Starlette(
        routes=[Route("/", index), Route("/{name:path}", page)],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=hosts, www_redirect=False)],
    )


def _media_type(path: Path) -> str:
    """What a file is: images of datasets are stored under their digest alone."""
    if path.suffix == ".html":
        return "text/html"
    with path.open("rb") as file:
        start = file.read(_LONGEST_MAGIC)
    return next((kind for magic, kind in _FORMATS if magic.match(start)), "application/octet-stream")
