"""Is this the store that it should be, driven by this Prefect server, with the accounts it knows?

The server keeps what it knows as variables; each is written once, and replaced only by a command.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit, urlunsplit

from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import VariableCreate, VariableUpdate
from prefect.exceptions import ObjectAlreadyExists
from prefect.settings import get_current_settings

from tuneloop.errors import ConfigurationError, NoStore, StoreError
from tuneloop.ledger.accounts import Driver, check_origin, current_driver, remember_origin
from tuneloop.ledger.ledger import Ledger
from tuneloop.orchestration.run_queries import paged
from tuneloop.providers.base import Provider
from tuneloop.schemas.training import Account
from tuneloop.storage.base import Store
from tuneloop.storage.identity import IDENTITY, StoreIdentity, identity_of

SERVER_ID = "tuneloop_server_id"
"""Random id of the server: two servers that drive one store would each take the other's runs for lost."""
_OF_ACCOUNTS = "tuneloop_account_"


def check_identity(slug: str, store: Store) -> StoreIdentity:
    """Reject what is no store, or another one than the server knows by this slug, with `StoreError`."""
    return _inspect(slug, store)[0]


def _inspect(slug: str, store: Store) -> tuple[StoreIdentity, str | None, Driver | None]:
    """Read which store it is, which one the server knows by its slug, and who drives it."""
    known = recall(of_store(slug))
    try:
        identity = identity_of(store)
    except NoStore as error:
        raise NoStore(f"{slug}: {error} {_how_to_get_it(slug, known)}") from None
    if known not in {None, identity.store_id}:
        raise StoreError(
            f"{slug}: {store.uri} is store {identity.store_id}, but this Prefect server knows {slug} as store "
            f"{known}. Is another volume mounted, was the block's folder, bucket or prefix changed? Put it back. "
            f"Only if this store is to replace it: `tuneloop store init {slug} --replace`"
        )
    driver = current_driver(Ledger(store))
    if known is not None and driver is None:
        # Emptying a store by hand or by a rule may spare its youngest or its topmost files.
        raise StoreError(
            f"{slug}: {store.uri} has lost its records: it has {IDENTITY} and nothing in drivers/. "
            f"{_how_to_get_it(slug, known)}"
        )
    return identity, known, driver


def _how_to_get_it(slug: str, known: str | None) -> str:
    if known is None:
        return f"To make it one: `tuneloop store init {slug}`."
    return (
        f"This Prefect server knows {slug} as store {known}: mount it, or restore it. Only if all of it is lost "
        f"for good, and what it knows may be paid again: `tuneloop store init {slug} --replace`"
    )


def check_driver(slug: str, store: Store) -> StoreIdentity:
    """Reject a store that this server does not drive, whose runs would look lost, with `StoreError`."""
    identity, known, driver = _inspect(slug, store)
    server_id = recall(SERVER_ID)
    if driver is not None and driver.server_id != server_id:
        raise StoreError(
            f"{slug}: {store.uri} is driven by the Prefect server at {driver.address} (id {driver.server_id}, "
            f"since {driver.created_at:%Y-%m-%d %H:%M} UTC), and this one is another. Each would treat the "
            "other's runs as lost, and pay again. To let this one drive it, stop that one's worker and run "
            f"`tuneloop store move {slug}`"
        )
    if driver is None or known is None:
        raise StoreError(
            f"{slug}: {store.uri} is store {identity.store_id}, which this Prefect server does not know yet. "
            f"Run `tuneloop deploy`, or `tuneloop store init {slug}`"
        )
    return identity


def check_account(
    slug: str, store: Store, identity: StoreIdentity, provider: Provider, *, read_only: bool = False
) -> None:
    """Reject an account that the store knows at another address, or whose trainings are in another store.

    Both are recorded once, before anything is paid, unless `read_only`. Raises
    `ConfigurationError`, which names the account, both places and the remedy.
    """
    account, ledger = provider.account, Ledger(store)
    variable = of_account(account)
    if read_only:
        check_origin(ledger, account, provider.base_url)
        bound = recall(variable)
    else:
        remember_origin(ledger, account, provider.base_url)
        bound = remember(variable, identity.store_id)
    if bound not in {None, identity.store_id}:
        raise ConfigurationError(
            f"account {account.slug} trains into store {bound}, and {slug} ({store.uri}) is store "
            f"{identity.store_id}: what one knows, the other would pay again. Name that store, or an account of "
            f"its own. To go on with this store instead: `tuneloop store init {slug} --account CREDENTIALS`"
        )


def of_store(slug: str) -> str:
    """Name of the variable that says which store is behind a block."""
    return f"tuneloop_store_{slug.replace('/', '_')}"


def of_account(account: Account) -> str:
    """Name of the variable that says which store an account trains into."""
    return f"{_OF_ACCOUNTS}{account.slug.replace('.', '_')}"


def recall(name: str) -> str | None:
    """Read a variable, None where there is none."""
    with get_client(sync_client=True) as client:
        found = client.read_variable_by_name(name)
    return None if found is None else str(found.value)


def remember(name: str, value: str) -> str:
    """Write a variable if there is none. Returns what it holds now."""
    if (known := recall(name)) is not None:
        return known
    with get_client(sync_client=True) as client:
        try:
            client.create_variable(VariableCreate(name=name, value=value))
        except ObjectAlreadyExists:
            return recall(name) or ""
    return value


def overwrite(name: str, value: str) -> None:
    """Write a variable whatever it held."""
    if remember(name, value) != value:
        with get_client(sync_client=True) as client:
            client.update_variable(VariableUpdate(name=name, value=value))


def accounts_of(store_id: str) -> list[str]:
    """Names of the variables of every account that trains into a store."""
    which = {"name": {"like_": _OF_ACCOUNTS}}

    def read(limit: int, offset: int) -> list[dict[str, Any]]:
        query = {"variables": which, "limit": limit, "offset": offset}
        found: list[dict[str, Any]] = client.request("POST", "/variables/filter", json=query).json()
        return found

    with get_client(sync_client=True) as client:
        return [item["name"] for item in paged(read) if item["value"] == store_id]


def server_address() -> str:
    """Where the server's API is, for people."""
    parts = urlsplit(get_current_settings().api.url or "")
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
