"""Credentials blocks that say they are one account: two keys of it, or two bills in one book."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from tuneloop.errors import ConfigurationError
from tuneloop.ledger.accounts import origin_of
from tuneloop.orchestration.blocks import all_credentials, open_provider


@dataclass
class SharedLabels:
    """What was found.

    Attributes:
        refused: Blocks of one label at different addresses: they cannot be one account.
        notes: Blocks of one label at one address: they may be.
    """

    refused: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def shared_labels() -> SharedLabels:
    """Look through every credentials block of the Prefect server."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for slug in all_credentials():
        try:
            provider = open_provider(slug)
        except ConfigurationError:
            continue  # it can be used for nothing, and whoever tries is told why
        found[provider.account.slug][slug] = origin_of(provider.base_url)
    shared = SharedLabels()
    for account, blocks in found.items():
        names = " and ".join(sorted(blocks))
        if len(set(blocks.values())) > 1:
            shared.refused.append(
                f"{names} are both account {account}, at different addresses: each would take the other's "
                "trainings for its own. Give one of them another account label (field account)"
            )
        elif len(blocks) > 1:
            shared.notes.append(
                f"{names} are both account {account}. Right, if they hold two keys of one account; if not, give "
                "one of them another account label (field account) before it trains"
            )
    return shared
