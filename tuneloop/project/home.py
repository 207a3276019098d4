"""What Tuneloop keeps for a project on this machine, in its folder `.tuneloop`."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import SecretStr

from tuneloop.errors import ConfigurationError

HOME = ".tuneloop"
_SERVER = f"{HOME}/server"
_REPORTS = f"{HOME}/reports"
_KEY = f"{HOME}/key.json"
_LOCK = "up.lock"


@dataclass(frozen=True)
class Account:
    """An API key that waits for a Prefect server to be saved on.

    Attributes:
        block: Slug of its block.
        api_key: The key.
        base_url: Another address of the API, None for the provider's own.
    """

    block: str
    api_key: SecretStr
    base_url: str | None = None


def home_of(project: Path) -> Path:
    """The folder, made if it is missing. Only its owner can read it: a server's database is in there."""
    home = project / HOME
    home.mkdir(mode=0o700, exist_ok=True)
    return home


@contextmanager
def locked(project: Path) -> Iterator[None]:
    """Hold a project while it runs. The lock ends with this process, however that ends.

    Raises:
        ConfigurationError: It runs already.
    """
    import fcntl  # noqa: PLC0415 - Windows has none, and is told so by each command

    with (home_of(project) / _LOCK).open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigurationError("this project is running already; stop it first") from None
        yield


def _is_up(project: Path) -> bool:
    import fcntl  # noqa: PLC0415 - as above

    try:
        with (project / HOME / _LOCK).open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        pass
    return False


def keep_account(project: Path, account: Account) -> None:
    """Keep a key until there is a server. Only its owner can read it."""
    draft = home_of(project) / "key.draft"
    draft.unlink(missing_ok=True)
    document = {**asdict(account), "api_key": account.api_key.get_secret_value()}
    opened = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(opened, "w", encoding="utf-8") as file:  # noqa: PTH123 - Path.open takes no descriptor
        json.dump(document, file)
    draft.replace(project / _KEY)


def kept_account(project: Path) -> Account | None:
    """The key that waits, None where there is none."""
    try:
        document = json.loads((project / _KEY).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return Account(document["block"], SecretStr(document["api_key"]), document["base_url"])


def forget_account(project: Path) -> None:
    """Delete the key that waited: a server has it."""
    (project / _KEY).unlink(missing_ok=True)


def write_server(project: Path, api_url: str | None) -> None:
    """Write down the API address of the project's own server while it runs; None deletes it."""
    _write(project / _SERVER, api_url)


def write_reports(project: Path, url: str | None) -> None:
    """Write down the address of the project's own server of reports while it runs; None deletes it."""
    _write(project / _REPORTS, url)


def own_server(project: Path) -> str | None:
    """API address of the project's own server, None where `tuneloop up` does not run."""
    return _read(project, _SERVER)


def own_reports(project: Path) -> str | None:
    """Address of the project's own server of reports, None where there is none."""
    return _read(project, _REPORTS)


def _write(file: Path, address: str | None) -> None:
    if address is None:
        file.unlink(missing_ok=True)
    else:
        file.write_text(address, encoding="utf-8")


def _read(project: Path, name: str) -> str | None:
    if not _is_up(project):
        return None
    try:
        return (project / name).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
