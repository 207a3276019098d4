"""What a run shows on its page in Prefect."""

from __future__ import annotations

import httpx
from prefect.artifacts import create_markdown_artifact
from prefect.logging import get_run_logger


def show_artifact(key: str, markdown: str, description: str) -> None:
    """Show a text on the page of the current run.

    If the Prefect server does not take it, that is logged: what the text says is in the store too.
    """
    try:
        create_markdown_artifact(key=key, markdown=markdown, description=description)
    except httpx.HTTPError as error:
        get_run_logger().warning("the Prefect server did not take the artifact %s: %s", key, error)
