"""Save the blocks that a new project names. What is there already stays as it is."""

from __future__ import annotations

from pathlib import Path

from prefect.blocks.core import Block
from prefect.filesystems import LocalFileSystem

from tuneloop.orchestration.blocks import credentials_types
from tuneloop.project.home import Account


def save_store_block(slug: str, folder: Path) -> str:
    """Save the block of a store in a local folder, which is made. Returns what was done, in a line."""
    folder.mkdir(parents=True, exist_ok=True)
    return _save(slug, LocalFileSystem(basepath=str(folder.resolve())))


def save_account_block(account: Account) -> str:
    """Save the block of an account. Returns what was done, in a line."""
    kind = credentials_types()[account.block.partition("/")[0]]
    address = {"base_url": account.base_url} if account.base_url else {}
    return _save(account.block, kind.model_validate({"api_key": account.api_key, **address}))


def _save(slug: str, block: Block) -> str:
    try:
        block.save(slug.partition("/")[2])
    except ValueError as error:
        # Prefect names the one that is there in its sentence; it has no type for it.
        if "already in use" not in str(error):
            raise
        return f"block {slug} is there already and stays as it is"
    return f"block {slug} saved"
