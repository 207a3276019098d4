"""compose, Kubernetes and systemd agree on what the programs need, and no secret stands in any file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module

import pytest
from dotenv import dotenv_values
from prefect.settings import Settings
from prefect_kubernetes.settings import KubernetesSettings
from prefect_redis.cleanup_queue import RedisWorkerCleanupQueueSettings
from prefect_redis.client import RedisMessagingSettings
from pydantic import BaseModel

from tests.deployments.places import FOLDER, ROOT, Program, programs

PROGRAMS = list(programs())
SECRET = re.compile(r"PASSWORD|SECRET|TOKEN|AUTH|ACCESS_KEY|API_KEY|CONNECTION_URL|MESSAGING_URL|QUEUE_URL")
SECRET_IS_ELSEWHERE = re.compile(r"_(NAME|KEY|FILE)$")
"""The name of a Secret, a key in it, or a file, and not what is in it."""


ONE_ADDRESS = {
    "PREFECT_SERVER_DATABASE": "PREFECT_SERVER_DATABASE_CONNECTION_URL",
    "PREFECT_REDIS_MESSAGING": "PREFECT_REDIS_MESSAGING_URL",
    "PREFECT_REDIS_WORKER_CLEANUP_QUEUE": "PREFECT_REDIS_WORKER_CLEANUP_QUEUE_URL",
}
"""What may stand in place of the driver, host, port, name and password of a connection."""
PART = re.compile(r"_(DRIVER|HOST|PORT|NAME|USER|DB|PASSWORD)$")
CLIENT = {"PREFECT_API_URL", "PREFECT_API_AUTH_STRING"}


def documented() -> dict[str, str]:
    """The table of the docs: every setting that the server of a team needs, and its value."""
    text = (ROOT / "docs" / "keeping-it-running.md").read_text()
    found: dict[str, str] = {}
    for names, value in re.findall(r"^\| (`PREFECT_[^|]+) \| ([^|]+) \| [^|]{5,} \|$", text, re.MULTILINE):
        first, *more = re.findall(r"`(\w+)`", names)
        start = first.rpartition("_")[0]
        for name in (first, *(start + other if other.startswith("_") else other for other in more)):
            found[name] = value
    return found


def team_file() -> dict[str, str | None]:
    return dict(dotenv_values(FOLDER / "team" / "server.env"))


def test_docs_explain_each_setting_of_the_file_and_none_besides_but_the_secrets() -> None:
    secrets = {"PREFECT_SERVER_DATABASE_PASSWORD", "PREFECT_SERVER_API_AUTH_STRING"}
    assert documented().keys() == team_file().keys() | secrets
    for name, value in team_file().items():
        if not PART.search(name) and "://" not in str(value):
            assert f"`{value}`" in documented()[name]


@pytest.mark.parametrize("program", [one for one in PROGRAMS if one.place != "systemd"], ids=str)
def test_program_of_a_team_has_what_the_docs_call_needed(program: Program) -> None:
    given = program.settings
    if not program.is_server:
        assert given.keys() >= CLIENT
        assert given["PREFECT_CLIENT_RETRY_EXTRA_CODES"] == "500"
        on_this_machine = given.get("TUNELOOP_ALLOW_PLAIN_HTTP") == "true"
        assert str(given["PREFECT_API_URL"]).startswith("http://server:" if on_this_machine else "https://")
        assert not [name for name in given if name.startswith(("PREFECT_SERVER_", "PREFECT_REDIS_"))]
        return
    for name in documented():
        address = ONE_ADDRESS.get(PART.sub("", name), "")
        if name == "PREFECT_SERVER_DOCKET_URL":
            assert given[name] is None or program.place == "compose"
        elif address not in given:
            assert given[name] == team_file().get(name)


@pytest.mark.parametrize("program", [one for one in PROGRAMS if one.place == "systemd"], ids=str)
def test_program_of_one_machine_keeps_its_leases_and_finds_its_server(program: Program) -> None:
    assert program.settings["PREFECT_HOME"] == "/var/lib/tuneloop/prefect"
    if program.is_server:
        storage = program.settings["PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE"]
        assert storage == "prefect.server.concurrency.lease_storage.filesystem"
        assert program.settings["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
    else:
        assert program.settings["PREFECT_API_URL"] == "http://127.0.0.1:4200/api"


@pytest.mark.parametrize("program", PROGRAMS, ids=str)
def test_prefect_can_read_each_value(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in program.settings.items():
        if name.startswith("PREFECT_") and value is not None:
            monkeypatch.setenv(name, str(value))
    Settings()


def known(model: type[BaseModel], prefix: str) -> Iterator[str]:
    """Every environment variable that a tree of settings reads."""
    for name, field in model.model_fields.items():
        aliases = getattr(field.validation_alias, "choices", [])
        yield from (alias.upper() for alias in aliases if isinstance(alias, str))
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from known(kind, f"{prefix}{name.upper()}_")
        else:
            yield f"{prefix}{name.upper()}"


KNOWN = {
    *known(Settings, "PREFECT_"),
    *known(RedisMessagingSettings, "PREFECT_REDIS_MESSAGING_"),
    *known(RedisWorkerCleanupQueueSettings, "PREFECT_REDIS_WORKER_CLEANUP_QUEUE_"),
    *known(KubernetesSettings, "PREFECT_INTEGRATIONS_KUBERNETES_"),
}


@pytest.mark.parametrize("program", PROGRAMS, ids=str)
def test_every_setting_is_one_that_prefect_knows_and_every_module_is_there(program: Program) -> None:
    for name, value in program.settings.items():
        if name.startswith("PREFECT_"):
            assert name in KNOWN
        if (value or "").startswith(("prefect_redis.", "prefect.server.")):
            import_module(value or "")


def test_settings_that_the_docs_name_are_known() -> None:
    text = (ROOT / "docs" / "keeping-it-running.md").read_text()
    assert set(re.findall(r"PREFECT_[A-Z0-9_]+", text)) - KNOWN == {"PREFECT_AUTH"}  # of compose.yaml's own


@pytest.mark.parametrize("program", PROGRAMS, ids=str)
def test_no_secret_of_a_program_stands_in_a_file(program: Program) -> None:
    for name, value in program.settings.items():
        if SECRET.search(name) and not SECRET_IS_ELSEWHERE.search(name):
            assert value is None, name


def test_no_file_has_an_address_with_a_password() -> None:
    for path in (path for path in (ROOT / "Dockerfile", *FOLDER.rglob("*.*")) if path.is_file()):
        for password in re.findall(r"://[^\s/:@]*:([^\s/@]+)@", path.read_text()):
            assert password.startswith("${"), path
