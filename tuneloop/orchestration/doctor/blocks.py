"""The stores and accounts that deployments name, by their blocks."""

from __future__ import annotations

from functools import partial

from tuneloop.errors import ConfigurationError, StoreError
from tuneloop.http.retries import TICK_POLICY
from tuneloop.operations.doctor.account import account_checks
from tuneloop.operations.doctor.check import Check, ok, problem, unknown
from tuneloop.operations.doctor.disk import STORE_BYTES, disk_checks
from tuneloop.operations.doctor.store import identity_check, promise_checks
from tuneloop.orchestration.blocks import load_credentials, open_provider, store_of
from tuneloop.orchestration.doctor.webhook import webhook_check
from tuneloop.orchestration.store_checks import check_account, check_driver
from tuneloop.storage.identity import identity_of
from tuneloop.storage.local import LocalDirectory

_COMPLETE = "complete"
_UNUSABLE = "cannot be used"


def checks_of_store(slug: str) -> list[Check]:
    """Check the block of a store, the store itself, and what it promises."""
    block, name = f"block {slug}", f"store {slug}"
    try:
        store = store_of(slug)
    except ConfigurationError as error:
        return [problem(block, _UNUSABLE, str(error))]
    found, identity = identity_check(name, partial(check_driver, slug, store))
    checks = [ok(block, _COMPLETE), found]
    if identity is not None:
        checks += promise_checks(name, store, identity)
        if isinstance(store, LocalDirectory):
            checks += disk_checks(name, store.folder, STORE_BYTES)
    return checks


def checks_of_account(slug: str) -> list[Check]:
    """Check the credentials block of an account, its provider, and the webhook if the block announces one."""
    block, name = f"block {slug}", f"account {slug}"
    try:
        credentials = load_credentials(slug)
        provider = credentials.get_provider(TICK_POLICY)
    except ConfigurationError as error:
        return [problem(block, _UNUSABLE, str(error))]
    checks = [ok(block, _COMPLETE), *account_checks(name, provider)]
    if (address := credentials.announced_address()) is not None:
        checks.append(webhook_check(f"{name}, webhook", address))
    return checks


def checks_of_pair(store_slug: str, account_slug: str) -> list[Check]:
    """Check that an account is where the store knows it, and trains into no other store."""
    name = f"account {account_slug} in {store_slug}"
    try:
        store, provider = store_of(store_slug), open_provider(account_slug, TICK_POLICY)
        identity = identity_of(store)
    except (ConfigurationError, StoreError):
        return [unknown(name, "not checked", "Fix its blocks and its store first.")]
    try:
        check_account(store_slug, store, identity, provider, read_only=True)
    except ConfigurationError as error:
        return [problem(name, "is known differently", str(error))]
    return [ok(name, "known")]
