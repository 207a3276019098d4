"""Is this the store that it should be, driven by this Prefect server, with the accounts it knows?"""

from __future__ import annotations

from tuneloop.errors import ConfigurationError, NoStore, StoreError
from tuneloop.ledger.accounts import Driver, check_origin, current_driver, remember_origin
from tuneloop.ledger.ledger import Ledger
from tuneloop.orchestration import server_variables
from tuneloop.providers.base import Provider
from tuneloop.storage.base import Store
from tuneloop.storage.identity import IDENTITY, StoreIdentity, identity_of


def check_identity(slug: str, store: Store) -> StoreIdentity:
    """Refuse what is no store, or another one than the server knows by this slug.

    Raises:
        StoreError: The message names what is there, what should be, and the remedy.
    """
    return _looked_at(slug, store)[0]


def _looked_at(slug: str, store: Store) -> tuple[StoreIdentity, str | None, Driver | None]:
    """What the store is, what the server knows it as, and who drives it."""
    known = server_variables.recall(server_variables.of_store(slug))
    try:
        identity = identity_of(store)
    except NoStore as error:
        raise NoStore(f"{slug}: {error} {_how_to_get_it(slug, known)}") from None
    if known not in {None, identity.store_id}:
        raise StoreError(
            f"{slug}: {store.uri} is store {identity.store_id}, but this Prefect server knows {slug} as store "
            f"{known}. Is another volume mounted, was the block's folder, bucket or prefix changed? Put it back. "
            f"Only if this store shall take its place: `tuneloop store init {slug} --replace`"
        )
    driver = current_driver(Ledger(store))
    if known is not None and driver is None:
        # Whoever empties a store by hand or by a rule may spare its youngest or its topmost files.
        raise StoreError(
            f"{slug}: {store.uri} has lost its records: it has {IDENTITY} and nothing in drivers/. "
            f"{_how_to_get_it(slug, known)}"
        )
    return identity, known, driver


def _how_to_get_it(slug: str, known: str | None) -> str:
    if known is None:
        return f"If it shall become one: `tuneloop store init {slug}` makes it."
    return (
        f"This Prefect server knows {slug} as store {known}: mount it, or restore it. Only if all of it is lost "
        f"for good, and what it knows may be paid again: `tuneloop store init {slug} --replace`"
    )


def check_driver(slug: str, store: Store) -> StoreIdentity:
    """Refuse to act on a store that this server does not drive: its runs would look as if they were gone.

    Raises:
        StoreError: As `check_identity`, or another server drives it, or none yet.
    """
    identity, known, driver = _looked_at(slug, store)
    server_id = server_variables.recall(server_variables.SERVER_ID)
    if driver is not None and driver.server_id != server_id:
        raise StoreError(
            f"{slug}: {store.uri} is driven by the Prefect server at {driver.address} (id {driver.server_id}, "
            f"since {driver.created_at:%Y-%m-%d %H:%M} UTC), and this one is another. Two would take each other's "
            "runs for gone, and pay again. To let this one drive it, stop that one's worker and run "
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
    """Refuse an account that the store knows at another address, or whose trainings are in another store.

    Args:
        slug: Slug of the store's block.
        store: The store.
        identity: Which store it is.
        provider: The account.
        read_only: Write nothing. Else both is written down, once, before anything is paid.

    Raises:
        ConfigurationError: The message names the account, both places and the remedy.
    """
    account, ledger = provider.account, Ledger(store)
    variable = server_variables.of_account(account)
    if read_only:
        check_origin(ledger, account, provider.base_url)
        bound = server_variables.recall(variable)
    else:
        remember_origin(ledger, account, provider.base_url)
        bound = server_variables.remember(variable, identity.store_id)
    if bound not in {None, identity.store_id}:
        raise ConfigurationError(
            f"account {account.slug} trains into store {bound}, and {slug} ({store.uri}) is store "
            f"{identity.store_id}: what one knows, the other would pay again. Name that store, or an account of "
            f"its own. To go on with this store instead: `tuneloop store init {slug} --account CREDENTIALS`"
        )
