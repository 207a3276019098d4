"""What the Prefect server keeps for us, as variables: each is written once, and replaced by a person only."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import VariableCreate, VariableUpdate
from prefect.exceptions import ObjectAlreadyExists
from prefect.settings import get_current_settings

from tuneloop.schemas.training import Account

SERVER_ID = "tuneloop_server_id"
"""Random id of the server: two servers that drive one store would each take the other's runs for gone."""
_PAGE = 200
OF_ACCOUNTS = "tuneloop_account_"
"""What the names of variables about accounts begin with."""


def of_store(slug: str) -> str:
    """Name of the variable that says which store is behind a block."""
    return f"tuneloop_store_{slug.replace('/', '_')}"


def of_account(account: Account) -> str:
    """Name of the variable that says which store an account trains into."""
    return f"{OF_ACCOUNTS}{account.slug.replace('.', '_')}"


def recall(name: str) -> str | None:
    """The value of a variable, None where there is none."""
    with get_client(sync_client=True) as client:
        found = client.read_variable_by_name(name)
    return None if found is None else str(found.value)


def remember(name: str, value: str) -> str:
    """Write a variable if there is none. Returns what it holds now."""
    with get_client(sync_client=True) as client:
        try:
            client.create_variable(VariableCreate(name=name, value=value))
        except ObjectAlreadyExists:
            return recall(name) or ""
    return value


def replace(name: str, value: str) -> None:
    """Write a variable whatever it held: a person has said so."""
    if remember(name, value) != value:
        with get_client(sync_client=True) as client:
            client.update_variable(VariableUpdate(name=name, value=value))


def accounts_of(store_id: str) -> list[str]:
    """Names of the variables of every account that trains into a store."""
    found: list[str] = []
    which = {"name": {"like_": OF_ACCOUNTS}}
    with get_client(sync_client=True) as client:
        offset = 0
        while page := client.request(
            "POST", "/variables/filter", json={"variables": which, "limit": _PAGE, "offset": offset}
        ).json():
            found += [item["name"] for item in page if item["value"] == store_id]
            offset += len(page)
    return found


def server_address() -> str:
    """Where the server's API is, for people."""
    parts = urlsplit(get_current_settings().api.url or "")
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
