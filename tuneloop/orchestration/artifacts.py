"""What a run shows on its page in Prefect."""

from __future__ import annotations

import httpx
from prefect.artifacts import create_markdown_artifact
from prefect.logging import get_run_logger


def show_artifact(key: str, markdown: str, description: str) -> None:
    """Show a text on the page of the current run.

    If the Prefect server does not accept it, that is logged and nothing more: what a run decides is in the store.
    """
    try:
        create_markdown_artifact(key=key, markdown=markdown, description=description)
    except httpx.HTTPError as error:
        get_run_logger().warning("the Prefect server did not accept the artifact %s: %s", key, error)
