"""A real S3 server on this machine: Ceph's gateway over one monitor and one OSD, out of Debian's packages.

Signatures are checked, create-if-absent is atomic, multipart uploads and ranges work, and an object of 5 GiB
takes no memory to speak of. The first start downloads about 90 MB; a start takes 10 to 20 seconds. Everything
lies below one folder, whose size is bounded; ports are free ones; and the kernel ends the three daemons when
the process that started them dies, however it dies.
"""

from __future__ import annotations

import http.client
import secrets
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from benchmarks.debian_packages import environment_of, unpacked
from tuneloop.local_server.processes import free_port

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_PACKAGES = ("radosgw", "ceph-mon", "ceph-osd", "ceph-common", "ceph-base")
_PATIENCE_S = 60.0
_USER = "bench"


class GatewayFailed(RuntimeError):
    """The gateway did not start; shows the end of what it said."""


@dataclass(frozen=True)
class Gateway:
    """A running gateway.

    Attributes:
        endpoint: Its address.
        access_key: Access key of the user who owns all that the benchmarks write.
        secret_key: The user's secret.
        pids: Process ids of its daemons.
        collect_garbage: Gives the room of deleted objects back; nothing else does.
        add_user: Makes another user, by its name. Returns its access key and its secret.
    """

    endpoint: str
    access_key: str
    secret_key: str
    pids: tuple[int, ...]
    collect_garbage: Callable[[], None]
    add_user: Callable[[str], tuple[str, str]]

    def client(self, config: Config | None = None) -> S3Client:
        """A boto3 client for it."""
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name="default",
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            config=config,
        )


@contextmanager
def ceph_gateway(folder: Path, size_bytes: int = 4 << 30) -> Iterator[Gateway]:
    """Start a gateway below a folder, and end it afterwards. Removing the folder is the caller's business.

    Args:
        folder: An empty folder.
        size_bytes: What the gateway can hold; the file that holds it grows as it is written.

    Raises:
        GatewayFailed: It did not start.
        NotToBeHad: Its packages could not be got.
    """
    cluster = _Cluster(unpacked("ceph", *_PACKAGES), folder, size_bytes)
    try:
        yield cluster.started()
    finally:
        cluster.end()


class _Cluster:
    """The smallest Ceph that stores: one monitor, one OSD, no replicas, one gateway."""

    def __init__(self, root: Path, folder: Path, size_bytes: int) -> None:
        self._folder = folder
        self._port, self._monitor_ports = free_port(), (free_port(), free_port())
        self._id = str(uuid.uuid4())
        self._daemons: list[subprocess.Popen[bytes]] = []
        conf = folder / "ceph.conf"
        conf.write_text(self._configuration(root, size_bytes))
        self._environment = {
            **environment_of(root),
            "CEPH_CONF": str(conf),
            "PYTHONPATH": str(root / "usr/lib/python3/dist-packages"),
        }

    def started(self) -> Gateway:
        """Make the cluster, start its daemons one after the other, and add a user."""
        self._make_keys()
        self._make_monitor()
        self._start("ceph-mon", "-i", "a")
        osd = str(uuid.uuid4())
        self._run("ceph", "--connect-timeout", "30", "osd", "new", osd)
        self._run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", osd)
        self._start("ceph-osd", "-i", "0")
        self._start("radosgw", "-n", "client.rgw")
        self._wait_until_it_answers()
        keys, pids = self._add_user(_USER), tuple(daemon.pid for daemon in self._daemons)
        return Gateway(f"http://127.0.0.1:{self._port}", *keys, pids, self._collect_garbage, self._add_user)

    def _add_user(self, name: str) -> tuple[str, str]:
        access_key, secret_key = secrets.token_hex(10), secrets.token_hex(20)
        self._run(
            "radosgw-admin", "user", "create", f"--uid={name}", f"--display-name={name}",
            f"--access-key={access_key}", f"--secret={secret_key}",
        )  # fmt: skip
        return access_key, secret_key

    def _collect_garbage(self) -> None:
        self._run("radosgw-admin", "gc", "process", "--include-all")

    def end(self) -> None:
        """End the daemons, the gateway first. Nobody needs the data any more: no time for farewells."""
        while self._daemons:
            daemon = self._daemons.pop()
            daemon.kill()
            daemon.wait()

    def _configuration(self, root: Path, size_bytes: int) -> str:
        libraries = next(root.glob("usr/lib/*/ceph/erasure-code")).parent
        v2, v1 = self._monitor_ports
        settings: dict[str, dict[str, object]] = {
            "global": {
                "fsid": self._id,
                "mon host": f"[v2:127.0.0.1:{v2},v1:127.0.0.1:{v1}]",
                "public addr": "127.0.0.1",
                "cluster addr": "127.0.0.1",
                "keyring": self._folder / "keyring",
                "run dir": self._folder,
                "admin socket": "",
                "log file": self._folder / "$name.log",
                "mon cluster log file": self._folder / "cluster.log",
                "plugin dir": root / "usr/lib/ceph",
                "erasure code dir": libraries / "erasure-code",
                "osd class dir": libraries.parent / "rados-classes",
                "osd class load list": "*",
                "osd class default list": "*",
                # One disk, one copy, and a handful of placement groups.
                "osd pool default size": 1,
                "osd pool default min size": 1,
                "osd pool default pg num": 4,
                "osd crush chooseleaf type": 0,
                "mon allow pool size one": "true",
                "mon max pg per osd": 2000,
                "mon data avail crit": 1,
            },
            "mon": {"mon data": self._folder / "mon"},
            "osd": {
                "osd data": self._folder / "osd",
                "osd objectstore": "bluestore",
                "osd memory target": 1 << 30,
                "bluestore block size": size_bytes,
                "bluestore block create": "true",
            },
            "client.rgw": {
                "rgw frontends": f"beast endpoint=127.0.0.1:{self._port}",
                "rgw data": self._folder / "rgw",
                "rgw run sync thread": "false",
                # Only when it is asked to: within a run it would disturb what is measured.
                "rgw gc processor period": 86400,
            },
        }
        sections = (
            f"[{name}]\n" + "".join(f"{key} = {value}\n" for key, value in section.items())
            for name, section in settings.items()
        )
        return "\n".join(sections)

    def _make_keys(self) -> None:
        allowed = {
            "mon.": {"mon": "allow *"},
            "client.admin": {"mon": "allow *", "osd": "allow *", "mgr": "allow *"},
            "client.rgw": {"mon": "allow *", "osd": "allow *"},
            "osd.0": {"mon": "allow profile osd", "osd": "allow *"},
        }
        create = ["--create-keyring"]
        for name, caps in allowed.items():
            words = [word for where, what in caps.items() for word in ("--cap", where, what)]
            self._run("ceph-authtool", *create, str(self._folder / "keyring"), "--gen-key", "-n", name, *words)
            create = []

    def _make_monitor(self) -> None:
        for folder in ("mon", "osd", "rgw"):
            (self._folder / folder).mkdir()
        v2, v1 = self._monitor_ports
        addresses = f"[v2:127.0.0.1:{v2},v1:127.0.0.1:{v1}]"
        monitors = str(self._folder / "monmap")
        self._run("monmaptool", "--create", "--fsid", self._id, "--addv", "a", addresses, monitors)
        self._run("ceph-mon", "--mkfs", "-i", "a", "--monmap", monitors)

    def _start(self, program: str, *arguments: str) -> None:
        with (self._folder / f"{program}.out").open("wb") as output:
            self._daemons.append(
                subprocess.Popen(
                    # The kernel kills it when this process is gone, so nothing is ever left behind.
                    ["setpriv", "--pdeathsig", "KILL", program, "-f", *arguments],
                    env=self._environment,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                )
            )

    def _run(self, *words: str) -> None:
        try:
            done = subprocess.run(
                words, env=self._environment, capture_output=True, text=True, check=False, timeout=_PATIENCE_S
            )
        except subprocess.TimeoutExpired:
            raise GatewayFailed(f"{words[0]} did not end; {self._last_words()}") from None
        if done.returncode:
            raise GatewayFailed(f"{words[0]} failed: {done.stderr.strip()[-500:]}; {self._last_words()}")

    def _wait_until_it_answers(self) -> None:
        until = time.monotonic() + _PATIENCE_S
        while not self._answers():
            if time.monotonic() > until or any(daemon.poll() is not None for daemon in self._daemons):
                raise GatewayFailed(f"the gateway does not answer; {self._last_words()}")
            time.sleep(0.1)

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=2)
        try:
            connection.request("GET", "/")
            return connection.getresponse().status < 500
        except OSError:
            return False
        finally:
            connection.close()

    def _last_words(self) -> str:
        """The end of what each daemon said."""
        outputs = sorted(self._folder.glob("*.out"))
        return "; ".join(f"{file.name}: {file.read_text(errors='replace')[-300:].strip()}" for file in outputs)
