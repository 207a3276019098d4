"""Load a block by its slug; where it cannot be loaded, say why and what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from prefect.blocks.core import Block
from pydantic import ValidationError

from tuneloop.errors import ConfigurationError
from tuneloop.http.addresses import check_encrypted
from tuneloop.orchestration.server_address import server_url


def load_block(slug: str, block_type: type[Block] | None, expected: Callable[[], str]) -> Block:
    """Load a block.

    Args:
        slug: Its slug, such as `s3-bucket/artifacts`.
        block_type: Its type. None looks it up among all that are installed, for which Prefect imports all of them.
        expected: What should have been named, in words.

    Raises:
        ConfigurationError: There is no such block, or it cannot be used.
    """
    with said(slug, expected):
        if block_type is None:
            return Block.load(slug, _sync=True)  # type: ignore[call-arg, return-value]
        return block_type.load(slug.partition("/")[2], _sync=True)  # type: ignore[call-arg, return-value]


@contextmanager
def said(slug: str, expected: Callable[[], str]) -> Iterator[None]:
    """Say in words what goes wrong while a block is read, which never goes in clear. Raises as `load_block`."""
    kind, _, name = slug.partition("/")
    if not kind or not name:
        raise ConfigurationError(f"{slug!r} is not a block slug; pass {expected()}")
    check_encrypted(server_url() or "", "the Prefect server", "the keys in its blocks")
    try:
        yield
    except RuntimeError as error:
        # Prefect's own error says only that it is invalid; what it was raised from shows what was put in.
        if not isinstance(error.__cause__, ValidationError):
            raise
        raise ConfigurationError(f"block {slug} cannot be used: {_faults(error.__cause__)}") from None
    except ValidationError as error:
        raise ConfigurationError(f"block {slug} cannot be used: {_faults(error)}") from None
    except ValueError as error:
        if "Unable to find" not in str(error):
            raise ConfigurationError(f"block {slug} cannot be read: {error}") from None
        raise ConfigurationError(
            f"block {slug} not found; create it in the Prefect UI (Blocks), or pass another ({expected()})"
        ) from None


def _faults(error: ValidationError) -> str:
    """Which fields are invalid and why, never their values."""
    faults = error.errors(include_url=False, include_context=False, include_input=False)
    return "; ".join(
        f"{'.'.join(map(str, fault['loc'])) or 'the block'}: {fault['msg'].removeprefix('Value error, ')}"
        for fault in faults
    )
