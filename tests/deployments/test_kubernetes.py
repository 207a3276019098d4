"""The manifests as the official client reads them, and the template of Jobs as Prefect's worker does."""

from __future__ import annotations

import json
import re
from typing import Any
from uuid import UUID

import pytest
import yaml
from kubernetes.client import ApiClient
from prefect.client.schemas.objects import FlowRun
from prefect.utilities.templating import apply_values
from prefect_kubernetes.worker import KubernetesWorkerJobConfiguration

from tests.deployments.places import KUBERNETES, container_settings, containers, manifests

MANIFESTS = manifests()
DEPLOYMENTS = [one for one in MANIFESTS if one["kind"] == "Deployment"]
TEMPLATE = json.loads((KUBERNETES / "base-job-template.json").read_text())
ADDRESS = "https://prefect.example.org/api"
MISPLACED = {"parallelism", "completions"}
"""Fields of a Job that Prefect's worker demands within its pod, where Kubernetes ignores them."""


def named(manifest: dict[str, Any]) -> str:
    return f"{manifest['kind']}-{manifest['metadata']['name']}"


def read_back(manifest: dict[str, Any]) -> Any:
    """What is left of a manifest in the official client: fields that it does not know are gone."""
    client = ApiClient()
    model = client.deserialize(json.dumps(manifest), f"V1{manifest['kind']}", "application/json")
    return client.sanitize_for_serialization(model)  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("manifest", MANIFESTS, ids=named)
def test_every_field_of_a_manifest_is_one_of_kubernetes(manifest: dict[str, Any]) -> None:
    assert read_back(manifest) == manifest


def test_misspelt_field_would_be_found() -> None:
    manifest = json.loads(json.dumps(DEPLOYMENTS[0]))
    manifest["spec"]["template"]["spec"]["containers"][0]["livenesProbe"] = {}
    assert read_back(manifest) != manifest


def test_manifests_are_the_parts_of_a_team_without_secrets_and_open_to_nobody_outside() -> None:
    assert [one["metadata"]["name"] for one in DEPLOYMENTS] == [
        "tuneloop-server", "tuneloop-services", "tuneloop-worker", "tuneloop-receiver",
    ]  # fmt: skip
    kinds = {one["kind"] for one in MANIFESTS}
    assert kinds == {"ConfigMap", "Deployment", "Service", "ServiceAccount", "Role", "RoleBinding"}
    services = [one for one in MANIFESTS if one["kind"] == "Service"]
    assert {one["metadata"]["name"]: one["spec"]["type"] for one in services} == {
        "tuneloop-server": "ClusterIP",
        "tuneloop-receiver": "ClusterIP",
    }


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=named)
def test_program_is_watched_bounded_and_no_root(deployment: dict[str, Any]) -> None:
    pod = deployment["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert "serviceAccountName" in pod or pod["automountServiceAccountToken"] is False
    for container in pod["containers"]:
        assert container.keys() >= {"startupProbe", "livenessProbe"}
    for container in (*pod["containers"], *pod.get("initContainers", [])):
        assert container["resources"]["limits"]["memory"]
        assert container["resources"]["requests"].keys() == {"cpu", "memory"}
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        }


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=named)
def test_every_name_that_a_manifest_refers_to_is_there(deployment: dict[str, Any]) -> None:
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert deployment["spec"]["selector"]["matchLabels"] == labels
    pod = deployment["spec"]["template"]["spec"]
    names = {(one["kind"], one["metadata"]["name"]) for one in MANIFESTS}
    if account := pod.get("serviceAccountName"):
        assert ("ServiceAccount", account) in names
    for container in pod["containers"]:
        ports = {port["name"]: port["containerPort"] for port in container.get("ports", [])}
        for probe in (container["startupProbe"], container["livenessProbe"]):
            assert all(probe[kind]["port"] in ports for kind in ("httpGet", "tcpSocket") if kind in probe)
        for service in (
            one for one in MANIFESTS if one["kind"] == "Service" and one["spec"]["selector"] == labels
        ):
            assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports.keys()


def test_all_secrets_are_in_one_secret_that_the_docs_name() -> None:
    references = [
        entry["valueFrom"]["secretKeyRef"]
        for container in containers()
        for entry in container["env"]
        if "valueFrom" in entry and "secretKeyRef" in entry["valueFrom"]
    ]
    assert {each["name"] for each in references} == {"tuneloop"}
    text = (KUBERNETES.parent.parent / "docs" / "keeping-it-running.md").read_text()
    for key in {each["key"] for each in references}:
        assert re.search(rf"^ *{key}=", text, re.MULTILINE)


def test_kustomization_takes_the_manifests_and_names_the_image_that_they_have() -> None:
    kustomization = yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text())
    assert kustomization["resources"] == ["tuneloop.yaml"]
    (image,) = kustomization["images"]
    assert {container["image"].partition(":")[0] for container in containers()} == {image["name"]}
    assert kustomization["namespace"] == TEMPLATE["variables"]["properties"]["namespace"]["default"]


def worker() -> dict[str, Any]:
    (found,) = [container for container in containers() if container["name"] == "worker"]
    return found


def job(**variables: Any) -> dict[str, Any]:
    """The Job that Prefect's worker makes for a run."""
    defaults = {
        name: schema["default"]
        for name, schema in TEMPLATE["variables"]["properties"].items()
        if "default" in schema
    }
    filled = apply_values(TEMPLATE["job_configuration"], defaults | variables)
    configuration = KubernetesWorkerJobConfiguration(**filled)
    run = FlowRun(id=UUID(int=1), flow_id=UUID(int=2), name="brave-robot")
    configuration.prepare_for_flow_run(run)
    return dict(configuration.job_manifest)


def test_job_of_a_run_is_one_that_kubernetes_reads_whole() -> None:
    made = job(env={"PREFECT_API_URL": ADDRESS})
    pod = made["spec"]["template"]["spec"]
    for name in MISPLACED:
        assert pod.pop(name) == 1
    assert read_back(made) == made
    (container,) = pod["containers"]
    assert container["image"] == "tuneloop:local"
    assert container["args"] == ["prefect", "flow-run", "execute"]
    assert {"name": "PREFECT_API_URL", "value": ADDRESS} in container["env"]
    # At SIGTERM, which is why the image names no other signal.
    assert {"name": "PREFECT_FLOW_RUN_EXECUTE_SIGTERM_BEHAVIOR", "value": "reschedule"} in container["env"]
    assert container["envFrom"] == worker()["envFrom"]
    assert container["resources"]["limits"]["memory"] == "2Gi"
    assert pod["restartPolicy"] == "Never"
    assert made["spec"]["backoffLimit"] == 0


def test_every_variable_of_the_template_is_used_and_every_placeholder_is_a_variable() -> None:
    used = set(json.dumps(TEMPLATE["job_configuration"]).split("{{ ")[1:])
    assert {each.partition(" }}")[0] for each in used} == TEMPLATE["variables"]["properties"].keys()


def test_worker_gives_its_runs_the_secret_by_reference() -> None:
    settings = container_settings(worker())
    prefix = "PREFECT_INTEGRATIONS_KUBERNETES_WORKER_API_AUTH_STRING_SECRET"
    (reference,) = [
        entry["valueFrom"]["secretKeyRef"]
        for entry in worker()["env"]
        if entry["name"] == "PREFECT_API_AUTH_STRING"
    ]
    assert reference == {"name": settings[f"{prefix}_NAME"], "key": settings[f"{prefix}_KEY"]}
