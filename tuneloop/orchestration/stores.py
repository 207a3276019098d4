"""Make stores, and tie a Prefect server and accounts to them: only ever by a command."""

from __future__ import annotations

import getpass
import os
import socket
from collections import defaultdict
from uuid import uuid4

from tuneloop.errors import ConfigurationError, NoStore, StoreError
from tuneloop.ledger.accounts import current_driver, hand_over, move_origin, origin_of
from tuneloop.ledger.ledger import Ledger
from tuneloop.orchestration.blocks import all_credentials, open_provider, store_of
from tuneloop.orchestration.store_checks import (
    SERVER_ID,
    accounts_of,
    check_account,
    check_driver,
    check_identity,
    of_account,
    of_store,
    overwrite,
    recall,
    remember,
    server_address,
)
from tuneloop.storage.base import Store
from tuneloop.storage.identity import IDENTITY, StoreIdentity, create_store, identity_of, verify


def init_store(slug: str, *, replace: bool = False, account: str | None = None) -> str:
    """Make a store where there is none, and let this Prefect server drive it. May be repeated.

    Args:
        slug: Slug of the store's block.
        replace: It takes the place of the store that the server knows by this slug, which is lost or given up.
        account: Slug of a credentials block whose account trains into this store from now on, at its address.

    Returns:
        What was done, in a sentence.

    Raises:
        StoreError: It is another store than the server knows, another server drives it, or it cannot be used.
        ConfigurationError: A block is missing, or the account was an emulator's before.
    """
    store = store_of(slug)
    identity, done = _made_or_found(slug, store, replace=replace)
    verify(store)
    _drive(slug, store)
    known = remember(of_store(slug), identity.store_id)
    if known != identity.store_id:
        # Accounts first: killed in between, the next try finds the same to do.
        for variable in accounts_of(known):
            overwrite(variable, identity.store_id)
        overwrite(of_store(slug), identity.store_id)
    if account is not None:
        provider = open_provider(account)
        move_origin(Ledger(store), provider.account, provider.base_url)
        overwrite(of_account(provider.account), identity.store_id)
    return f"{slug}: {done} store {identity.store_id} in {store.uri}"


def _made_or_found(slug: str, store: Store, *, replace: bool) -> tuple[StoreIdentity, str]:
    try:
        return (identity_of(store) if replace else check_identity(slug, store)), "found"
    except NoStore:
        if not replace and recall(of_store(slug)) is not None:
            raise
        return create_store(store, who()), "made"


def _drive(slug: str, store: Store) -> None:
    """Let this server drive a store that no other one drives."""
    server_id = remember(SERVER_ID, uuid4().hex)
    if current_driver(Ledger(store)) is None:
        hand_over(Ledger(store), server_id, server_address(), who())
    driver = current_driver(Ledger(store))
    if driver is None or driver.server_id != server_id:
        check_driver(slug, store)  # says which one does
        raise StoreError(f"{slug}: another Prefect server was first; run this again")


def move_store(slug: str) -> str:
    """Let this Prefect server drive a store that another one has driven, and say what was done.

    Raises `StoreError` where there is no store, or it cannot be used.
    """
    store = store_of(slug)
    identity = identity_of(store)
    verify(store)
    server_id = remember(SERVER_ID, uuid4().hex)
    driver = hand_over(Ledger(store), server_id, server_address(), who())
    overwrite(of_store(slug), identity.store_id)
    return (
        f"{slug}: store {identity.store_id} in {store.uri} is driven by {driver.address} now (no. {driver.number})"
    )


def prepare_stores(named: set[tuple[str, str | None]]) -> list[str]:
    """Make the stores that deployments name where there are none yet, and record where their accounts are.

    `named` are slugs of the stores' blocks, each with that of an account's block that trains into it, if any.
    Returns what was done, and what is still to do, a line each.

    Raises:
        StoreError: A store is not the one that the server knows, or another server drives it.
        ConfigurationError: An account is not where the store knows it, or trains into another store.
    """
    rejected, lines = shared_labels()
    if rejected:
        raise ConfigurationError("nothing was deployed:\n" + "\n".join(f"- {item}" for item in rejected))
    for slug in sorted({slug for slug, _ in named}):
        blocks = [credentials for name, credentials in named if name == slug and credentials is not None]
        lines += _prepare(slug, sorted(blocks))
    return lines


def _prepare(slug: str, credentials: list[str]) -> list[str]:
    try:
        store = store_of(slug)
        store.exists(IDENTITY)
    except ConfigurationError as error:
        return [f"{slug}: {error}; then run `tuneloop deploy` again"]
    except StoreError as error:
        # Workers may see what this machine does not; they check for themselves before they pay.
        return [f"{slug} cannot be seen from here: {error} Run `tuneloop store init {slug}` where it can be"]
    lines = [init_store(slug)]
    for block in credentials:
        try:
            provider = open_provider(block)
        except ConfigurationError as error:
            lines.append(f"{block}: {error}")
        else:
            check_account(slug, store, identity_of(store), provider)
    return lines


def who() -> str:
    """The user of this command, as far as the machine knows."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a container without a user list
        name = f"user {os.getuid()}"
    return f"{name} on {socket.gethostname()}"


def shared_labels() -> tuple[list[str], list[str]]:
    """Find the credentials blocks of the Prefect server that say they are one account.

    Returns problems, for blocks at different addresses cannot be one account, and notes: those at one address may.
    """
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for slug in all_credentials():
        try:
            provider = open_provider(slug)
        except ConfigurationError:
            continue  # it can be used for nothing, and says why when it is tried
        found[provider.account.slug][slug] = origin_of(provider.base_url)
    problems, notes = [], []
    for account, blocks in found.items():
        names = " and ".join(sorted(blocks))
        if len(set(blocks.values())) > 1:
            problems.append(
                f"{names} are both account {account}, at different addresses: each would take the other's "
                "trainings for its own. Give one of them another account label (field account)"
            )
        elif len(blocks) > 1:
            notes.append(
                f"{names} are both account {account}. That is right for two keys of one account; otherwise give "
                "one of them another account label (field account) before it trains"
            )
    return problems, notes
