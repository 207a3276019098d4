"""Save the blocks that a new project names. What is there already stays as it is."""

from __future__ import annotations

from pathlib import Path

from prefect.blocks.core import Block
from prefect.exceptions import ObjectAlreadyExists
from prefect.filesystems import LocalFileSystem

from tuneloop.orchestration.blocks import credentials_types
from tuneloop.project.home import Account


def save_store_block(slug: str, folder: Path) -> list[str]:
    """Save the block of a store in a local folder, which is made. Returns what was done, a line at most."""
    folder.mkdir(parents=True, exist_ok=True)
    return [f"block {slug} saved"] if _save(slug, LocalFileSystem(basepath=str(folder.resolve()))) else []


def save_account_block(account: Account) -> list[str]:
    """Save the block of an account. Returns what was done, a line."""
    kind = credentials_types()[account.block.partition("/")[0]]
    address = {"base_url": account.base_url} if account.base_url else {}
    saved = _save(account.block, kind.model_validate({"api_key": account.api_key, **address}))
    return [f"block {account.block} {'saved' if saved else 'exists already and stays as it is'}"]


def _save(slug: str, block: Block) -> bool:
    """Save a new block. Returns False where there is one of this slug."""
    try:
        block.save(slug.partition("/")[2])
    except ValueError as error:
        if not isinstance(error.__cause__, ObjectAlreadyExists):
            raise
        return False
    return True
