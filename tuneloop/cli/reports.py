"""`tuneloop reports`: where the pages of a store can be opened, or a server that shows them."""

from __future__ import annotations

import logging
import socket
from pathlib import Path
from urllib.parse import unquote, urlsplit

import uvicorn

from tuneloop.cli.terminal import say, tell
from tuneloop.errors import ConfigurationError
from tuneloop.evaluation.reports.listing import list_pages
from tuneloop.evaluation.reports.models_page import MODELS_PAGE
from tuneloop.evaluation.reports.serving import reports_app
from tuneloop.settings import Settings
from tuneloop.storage.base import Store
from tuneloop.storage.page_link import page_link

_LOCAL = ("127.0.0.1", "localhost")


def show_reports(store: Store, model: str | None, *, as_json: bool) -> None:
    """Print where every report of a store can be opened, or of one model, newest first."""
    reports: list[dict[str, str]] = []
    champions: dict[str, str] = {}
    lines, models_page, note = [], None, ""
    if model is None and store.exists(MODELS_PAGE):
        models_page = page_link(store, MODELS_PAGE).address
        lines.append(f"All models: {models_page}")
    for pages in list_pages(store, model):
        if pages.champions:
            champions[pages.model] = page_link(store, pages.champions).address
            lines.append(f"{pages.model}, champions: {champions[pages.model]}")
        for name, written in pages.reports:
            link = page_link(store, name)
            note = link.note
            lines.append(f"{pages.model}, {written:%Y-%m-%d %H:%M} UTC: {link.address}")
            reports.append(
                {"model": pages.model, "written": written.isoformat(), "report": name, "link": link.address}
            )
    lines = lines or [f"There are no reports in {store.uri}."]
    document = {"store": store.uri, "models_page": models_page, "champions": champions, "reports": reports}
    if note:
        lines.append(f"Each link: {note}." if store.distant else "For links that a browser opens, add --serve.")
    tell(document, *lines, as_json=as_json)


def serve_reports(store: Store, host: str, port: int) -> None:
    """Show the pages of a store in a folder until it is interrupted. Port 0 takes a free one.

    Raises:
        ConfigurationError: The store is on S3, or the address cannot be listened on.
    """
    if store.distant:
        raise ConfigurationError(
            f"{store.uri} needs no server: `tuneloop reports` without --serve prints signed links to its pages"
        )
    named = Settings().reports_url
    hosts = [*_LOCAL, host, *([named.host] if named and named.host else [])]
    app = reports_app(store, Path(unquote(urlsplit(store.uri).path)), hosts)
    with _listening(host, port) as listening:
        address = f"http://{host}:{listening.getsockname()[1]}"
        say(f"Reports of {store.uri}: {address}")
        if named is None:
            say(f"To have runs link to it, set TUNELOOP_REPORTS_URL={address} where the flows run.")
        logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
        config = uvicorn.Config(app, log_config=None, access_log=False, server_header=False, ws="none")
        uvicorn.Server(config).run(sockets=[listening])


def _listening(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port))
    except OSError as error:
        why, _, _ = str(error.strerror).partition(" (while")  # which Python adds, with the address again
        raise ConfigurationError(
            f"port {port} of {host} cannot be used ({why}); choose another with --host and --port"
        ) from None
