from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefect.filesystems import LocalFileSystem

from blocks.segmind_credentials import SegmindCredentials
from tuneloop.ledger.ledger import Ledger
from tuneloop.storage.local import LocalDirectory


@dataclass(frozen=True)
class Shop:
    """A store and an account of one test's own."""

    name: str
    folder: Path
    wish: dict[str, Any]

    @property
    def store(self) -> str:
        return f"local-file-system/{self.name}"

    @property
    def credentials(self) -> str:
        return f"segmind-credentials/{self.name}"

    @property
    def ledger(self) -> Ledger:
        return Ledger(LocalDirectory(self.folder))

    def is_at(self, folder: Path) -> None:
        LocalFileSystem(basepath=str(folder)).save(self.name, overwrite=True)

    def account_is_at(self, url: str, key: str, account: str | None = None) -> None:
        SegmindCredentials(api_key=key, base_url=url, account=account).save(self.name, overwrite=True)
