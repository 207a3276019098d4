"""The programs of the three ways to deploy, read as what they have in common."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent.parent
FOLDER = ROOT / "deployments"
COMPOSE = FOLDER / "compose.yaml"
KUBERNETES = FOLDER / "kubernetes"
UNITS = sorted((FOLDER / "systemd").glob("*.service"))
PLANTED = {
    "PREFECT_AUTH": "planted-name:planted-auth",
    "POSTGRES_PASSWORD": "planted-postgres",
    "S3_ACCESS_KEY": "planted-access",
    "S3_SECRET_KEY": "planted-secret",
}
"""What compose.yaml wants to be told, each its own secret."""


@dataclass(frozen=True)
class Program:
    """One of our programs somewhere.

    Attributes:
        place: compose, kubernetes or systemd.
        name: What it is called there.
        command: What it runs.
        settings: Its environment; None for a value that is referred to and stands in no file.
    """

    place: str
    name: str
    command: list[str]
    settings: dict[str, str | None] = field(repr=False)

    def __str__(self) -> str:
        return f"{self.place}-{self.name}"

    @property
    def is_server(self) -> bool:
        """Whether it works on the server's database: the server, its services, the migration."""
        return self.command[1] == "server"


def compose(**variables: str) -> subprocess.CompletedProcess[str]:
    """What Docker Compose itself makes of compose.yaml; it needs no Docker for that."""
    command = [
        str(Path(sys.executable).with_name("docker-compose")),
        "--file",
        str(COMPOSE),
        "--profile",
        "*",
        "config",
        "--format",
        "json",
    ]
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(command, env={**kept, **variables}, capture_output=True, text=True, check=False)


@cache
def compose_services() -> dict[str, dict[str, Any]]:
    """The services of compose.yaml, with everything filled in and in its long form."""
    done = compose(**PLANTED)
    assert not done.returncode, done.stderr
    services: dict[str, dict[str, Any]] = json.loads(done.stdout)["services"]
    return services


@cache
def manifests() -> list[dict[str, Any]]:
    """What Kubernetes is to be given."""
    text = (KUBERNETES / "tuneloop.yaml").read_text()
    return [document for document in yaml.safe_load_all(text) if document]


@cache
def unit(path: Path) -> dict[str, dict[str, list[str]]]:
    """The sections of a unit, each setting with all its values."""
    sections: dict[str, dict[str, list[str]]] = {}
    for line in path.read_text().splitlines():
        if line.startswith("["):
            section = sections.setdefault(line.strip("[]"), {})
        elif line and not line.startswith("#"):
            name, _, value = line.partition("=")
            section.setdefault(name, []).append(value)
    return sections


def programs() -> Iterator[Program]:
    """Every program of ours in all three places."""
    for name, service in compose_services().items():
        if service["image"].startswith("tuneloop:"):
            settings: dict[str, str | None] = {
                key: None if any(secret in value for secret in PLANTED.values()) else value
                for key, value in service["environment"].items()
            }
            yield Program("compose", name, _handed_over(service["command"]), settings)
    for container in containers():
        command = _handed_over(container["command"])
        yield Program("kubernetes", container["name"], command, container_settings(container))
    for path in UNITS:
        service = unit(path)["Service"]
        settings = {name: value for name, _, value in (line.partition("=") for line in service["Environment"])}
        command = shlex.split(service["ExecStart"][0])
        yield Program("systemd", path.stem, [Path(command[0]).name, *command[1:]], settings)


def _handed_over(command: list[str]) -> list[str]:
    """A command; of a shell's, the one that takes its place."""
    return shlex.split(command[2].rpartition("exec ")[2]) if command[:2] == ["sh", "-c"] else command


def containers() -> Iterator[dict[str, Any]]:
    """Every container of the manifests, and those that run before them."""
    for document in manifests():
        if document["kind"] == "Deployment":
            pod = document["spec"]["template"]["spec"]
            yield from (*pod.get("initContainers", []), *pod["containers"])


def container_settings(container: dict[str, Any]) -> dict[str, str | None]:
    """The environment of a container; None for what is in a Secret."""
    maps = {each["metadata"]["name"]: each["data"] for each in manifests() if each["kind"] == "ConfigMap"}
    settings: dict[str, str | None] = {}
    for source in container.get("envFrom", []):
        settings |= maps[source["configMapRef"]["name"]]
    return settings | {entry["name"]: entry.get("value") for entry in container.get("env", [])}
