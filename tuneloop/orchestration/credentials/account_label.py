"""The label of an account: what its block says, else the block's own name, which no other one has."""

from __future__ import annotations

from prefect.blocks.core import Block

from tuneloop.errors import ConfigurationError
from tuneloop.schemas.training import validate_slug

_UNSAVED = "default"
"""Label of a block that has no name yet."""


def label_or_none(value: str | None) -> str | None:
    """Accept a label, or nothing: a form sends an empty field as an empty word."""
    return validate_slug(value) if value else None


def label_of(block: Block, account: str | None) -> str:
    """Tell the label of a block's account.

    Raises:
        ConfigurationError: The block's name cannot be one.
    """
    # The attribute is how Prefect's own blocks know their name.
    name = account or block._block_document_name or _UNSAVED  # noqa: SLF001
    try:
        return validate_slug(name)
    except ValueError as error:
        raise ConfigurationError(f"account: {error}; fill in the field account of this block") from None
