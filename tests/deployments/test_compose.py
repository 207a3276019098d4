"""compose.yaml, as Docker Compose itself reads it. Nobody is started: there is no Docker here."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.deployments.places import PLANTED, compose, compose_services

SERVICES = compose_services()
ONE_SHOT = {"migrate", "bucket", "command"}
"""They end by themselves."""
RUN_BYTES = 150 << 20
"""More than a run takes, or than half a worker does."""
LASTING = sorted(SERVICES.keys() - ONE_SHOT)


def test_it_has_the_parts_of_a_team() -> None:
    assert {"postgres", "redis", "s3", "server", "services", "worker", "receiver"} == set(LASTING)
    assert SERVICES["worker"]["deploy"]["replicas"] == 2
    assert "--no-services" in SERVICES["server"]["command"]


@pytest.mark.parametrize("missing", PLANTED)
def test_nothing_starts_without_a_secret(missing: str) -> None:
    done = compose(**{name: value for name, value in PLANTED.items() if name != missing})
    assert done.returncode != 0
    assert f"required variable {missing} is missing a value" in done.stderr


@pytest.mark.parametrize("name", LASTING)
def test_service_is_watched_restarted_and_bounded(name: str) -> None:
    service = SERVICES[name]
    assert service["restart"] == "unless-stopped"
    assert service["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}
    assert int(service["deploy"]["resources"]["limits"]["memory"]) > 0
    assert service["logging"] == {"driver": "local"}


@pytest.mark.parametrize("name", sorted(ONE_SHOT))
def test_what_ends_by_itself_is_not_started_again(name: str) -> None:
    assert SERVICES[name]["restart"] == "no"


def test_only_the_server_and_the_receiver_have_ports_and_only_on_loopback() -> None:
    ports = {name: service["ports"] for name, service in SERVICES.items() if service.get("ports")}
    assert ports.keys() == {"server", "receiver"}
    assert {port["host_ip"] for published in ports.values() for port in published} == {"127.0.0.1"}


def test_only_the_server_and_its_services_reach_the_database_and_redis() -> None:
    inside = {name for name, service in SERVICES.items() if "data" in service["networks"]}
    assert inside == {"postgres", "redis", "migrate", "server", "services"}
    for name in ("postgres", "redis"):
        assert set(SERVICES[name]["networks"]) == {"data"}


def test_every_image_has_a_version_and_ours_has_no_rights_but_its_own() -> None:
    for service in SERVICES.values():
        assert re.fullmatch(r"[a-z0-9./]+:(?!latest|main)[\w.-]+", service["image"])
        if service["image"].startswith("tuneloop:"):
            assert service["cap_drop"] == ["ALL"]
            assert service["security_opt"] == ["no-new-privileges:true"]


def test_our_image_is_built_once_and_never_pulled() -> None:
    ours = [service for service in SERVICES.values() if service["image"].startswith("tuneloop:")]
    assert [service for service in ours if "build" in service] == [SERVICES["migrate"]]
    assert {service["pull_policy"] for service in ours} == {"never"}


def test_postgresql_is_ready_once_it_answers_others() -> None:
    assert "--host=127.0.0.1" in SERVICES["postgres"]["healthcheck"]["test"]


def test_runs_of_a_worker_have_room_in_its_memory() -> None:
    worker = SERVICES["worker"]
    runs = int(worker["command"][worker["command"].index("--limit") + 1])
    assert (runs + 2) * RUN_BYTES < int(worker["deploy"]["resources"]["limits"]["memory"])


def test_project_is_only_read() -> None:
    assert mounted(SERVICES["worker"]) == mounted(SERVICES["receiver"]) == {"/project": True}


def mounted(service: dict[str, Any]) -> dict[str, bool]:
    """Where something is mounted, and whether it can only be read."""
    return {mount["target"]: mount.get("read_only", False) for mount in service["volumes"]}


def test_nothing_starts_before_what_it_needs() -> None:
    for name in ("server", "services"):
        assert {key: value["condition"] for key, value in SERVICES[name]["depends_on"].items()} == {
            "migrate": "service_completed_successfully",
            "redis": "service_healthy",
        }
    for name in ("worker", "receiver", "command"):
        assert SERVICES[name]["depends_on"]["server"]["condition"] == "service_healthy"
