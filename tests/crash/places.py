"""What is behind a lane's blocks: stores and accounts, made anew for every case."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from prefect.filesystems import LocalFileSystem
from pydantic import SecretStr

from tests.crash.s3_place import S3Server
from tuneloop.emulator import EmulatorControl, running_emulator
from tuneloop.local_server.processes import free_port
from tuneloop.orchestration.blocks import credentials_types
from tuneloop.orchestration.credentials import SpendingGuard
from tuneloop.storage.base import Store
from tuneloop.storage.local import LocalDirectory

_WEIGHTS_BYTES = 200_000
FREE = SpendingGuard(trainings_per_day=None)
"""What an account may spend where a case says nothing else: a session trains more than a day should."""


class StorePlace(Protocol):
    """A store's block, and the store of the case that is played behind it."""

    slug: str

    def save_block(self) -> None:
        """Save the block on the Prefect server in force."""

    def begin_case(self, home: Path) -> None:
        """Put an empty place behind the block."""

    def open(self) -> Store:
        """The store of the case."""

    def set_clock(self, ahead_s: float) -> None:
        """Let the store's own clock be ahead."""


@dataclass
class FolderPlace:
    """A store in a folder, behind a link as a volume is behind its mount point.

    Attributes:
        slug: Slug of the block.
        link: Where the block points to.
        folder: The folder of the case.
    """

    slug: str
    link: Path
    folder: Path = Path("/dev/null")

    def save_block(self) -> None:
        """See `StorePlace`."""
        LocalFileSystem(basepath=str(self.link)).save(self.slug.partition("/")[2], overwrite=True)

    def begin_case(self, home: Path) -> None:
        """See `StorePlace`."""
        self.folder = home / self.link.name
        self.folder.mkdir(parents=True)
        self._point_to(self.folder)

    def open(self) -> Store:
        """See `StorePlace`."""
        return LocalDirectory(self.link)

    def set_clock(self, ahead_s: float) -> None:
        """Files are dated by the processes that make them."""

    def vanish(self) -> None:
        """Leave an empty mount point."""
        empty = self.folder.with_name(f"{self.folder.name}-unmounted")
        empty.mkdir(exist_ok=True)
        self._point_to(empty)

    def come_back(self) -> None:
        """Mount it again."""
        self._point_to(self.folder)

    def _point_to(self, folder: Path) -> None:
        fresh = self.link.with_suffix(".new")
        fresh.symlink_to(folder, target_is_directory=True)
        fresh.replace(self.link)


@dataclass
class BucketPlace:
    """A store in S3.

    Attributes:
        slug: Slug of the block.
        bucket: Its bucket.
        server: Where that is.
    """

    slug: str
    bucket: str
    server: S3Server

    def save_block(self) -> None:
        """See `StorePlace`."""
        self.server.block(self.bucket).save(self.slug.partition("/")[2], overwrite=True)

    def begin_case(self, home: Path) -> None:  # noqa: ARG002 - it is not in a folder
        """See `StorePlace`."""
        self.server.empty(self.bucket)

    def open(self) -> Store:
        """See `StorePlace`."""
        return self.server.store(self.bucket)

    def set_clock(self, ahead_s: float) -> None:
        """See `StorePlace`."""
        self.server.ahead_s[self.bucket] = ahead_s


@dataclass
class AccountPlace:
    """A credentials block, and the provider of the case that is played behind it.

    Attributes:
        provider: Its name.
        block: Name of the block.
        label: The account's name, as the user has it.
        port: Where the provider listens.
    """

    provider: str
    block: str
    label: str
    port: int = field(default_factory=free_port)
    limits: SpendingGuard | None = None
    _running: ExitStack = field(default_factory=ExitStack)

    @property
    def slug(self) -> str:
        """Slug of the block."""
        return f"{self.provider}-credentials/{self.block}"

    @property
    def emulator(self) -> EmulatorControl:
        """The provider."""
        return EmulatorControl(f"http://127.0.0.1:{self.port}")

    def save_block(self, key: str, limits: SpendingGuard) -> None:
        """Save the block on the Prefect server in force, where it is not as it should be."""
        if limits == self.limits:
            return
        kind: Any = credentials_types()[f"{self.provider}-credentials"]
        block = kind(api_key=SecretStr(key), base_url=self.emulator.url, account=self.label, spending=limits)
        block.save(self.block, overwrite=True)
        self.limits = limits

    def begin_case(self, home: Path) -> None:
        """Run a fresh provider."""
        self.end_case()
        folder = home / f"emulator-{self.block}"
        self._running.enter_context(
            running_emulator(self.provider, folder, self.port, weights_bytes=_WEIGHTS_BYTES)
        )

    def end_case(self) -> None:
        """End the provider, if there is one."""
        self._running.close()
