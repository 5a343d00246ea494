# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The examples for operators agree with the code and with themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from flask import Flask

from qhana_plugin_runner.config.settings import SETTINGS
from runner_process import ROOT

KUBERNETES = ROOT / "deploy" / "kubernetes"
MANIFESTS = sorted(KUBERNETES.rglob("*.yaml"))
COMPOSE_FILES = sorted(ROOT.glob("docker-compose*.yml"))
OWN = ("qhana-plugin-runner", "worker")
HEALTH_COMMAND = ["/opt/runner/bin/python", "-m", "tooling.healthcheck"]


def known_variables() -> set[str]:
    """Environment variables that the runner, its container or its plugins read."""
    page = (ROOT / "docs" / "container.rst").read_text(encoding="utf-8")
    documented = set(re.findall(r"``([A-Z][A-Z_]+)``", page))
    celery = {"BROKER_URL", "RESULT_BACKEND", "CELERY_QUEUE"}
    return documented | celery | {s.env for s in SETTINGS if s.env} | {"CAMUNDA_API_URL"}


@pytest.fixture(params=COMPOSE_FILES, ids=lambda path: path.name)
def compose(request: pytest.FixtureRequest) -> dict[str, Any]:
    return yaml.safe_load(request.param.read_text(encoding="utf-8"))


def test_compose_variables_are_read_by_somebody(compose: dict[str, Any]) -> None:
    for name in OWN:
        assert set(compose["services"][name]["environment"]) <= known_variables()


def test_compose_services_and_volumes_exist(compose: dict[str, Any]) -> None:
    services = compose["services"]
    for name, service in services.items():
        assert set(service.get("depends_on", [])) <= set(services), name
        named = {
            volume.split(":")[0]
            for volume in service.get("volumes", [])
            if not volume.startswith(".")
        }
        assert named <= set(compose["volumes"]), name


def test_compose_waits_only_for_what_has_a_health_check(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        conditions = service.get("depends_on", {})
        if isinstance(conditions, dict):
            for other, how in conditions.items():
                assert how == {"condition": "service_healthy"}
                assert "healthcheck" in compose["services"][other]


def test_compose_server_and_worker_are_a_pair(compose: dict[str, Any]) -> None:
    server, worker = (compose["services"][name] for name in OWN)
    own = {"CONTAINER_MODE", "CONCURRENCY", "PERIODIC_SCHEDULER"}
    shared = [
        {k: v for k, v in service["environment"].items() if k not in own}
        for service in (server, worker)
    ]
    assert shared[0] == shared[1]
    assert server["image"] == worker["image"]
    assert "instance:/app/instance" in server["volumes"]
    assert "instance:/app/instance" in worker["volumes"]
    # Two containers must not install into one folder at the same time.
    packages = [
        volume
        for service in (server, worker)
        for volume in service["volumes"]
        if volume.endswith(":/app/plugin-environment")
    ]
    assert len(set(packages)) == 2


def test_compose_gives_no_rights_that_are_not_needed(compose: dict[str, Any]) -> None:
    for name in OWN:
        service = compose["services"][name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
    assert all(
        "no-new-privileges:true" in service["security_opt"]
        for service in compose["services"].values()
        if "profiles" not in service
    )


def test_compose_brokers_and_databases_are_closed(compose: dict[str, Any]) -> None:
    for name in ("redis", "postgres", "mariadb", "postgres-registry", "s3"):
        ports = compose["services"].get(name, {}).get("ports", [])
        assert all(port.startswith("127.0.0.1:") for port in ports), name
    assert "--requirepass" in compose["services"]["redis"]["command"]
    for name in OWN:
        assert "://:$" in compose["services"][name]["environment"]["BROKER_URL"]


def documents() -> Iterator[tuple[Path, dict[str, Any]]]:
    for path in MANIFESTS:
        for document in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            yield path, document


def of_kind(kind: str) -> list[dict[str, Any]]:
    return [document for _path, document in documents() if document["kind"] == kind]


DEPLOYMENTS = of_kind("Deployment")


def name_of(document: dict[str, Any]) -> str:
    return document["metadata"]["name"]


def container_of(deployment: dict[str, Any]) -> dict[str, Any]:
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    return container


def test_manifests_are_complete() -> None:
    for path, document in documents():
        assert {"apiVersion", "kind"} <= set(document), path
        if document["kind"] != "Kustomization":
            assert name_of(document), path
    for path, document in documents():
        if document["kind"] == "Kustomization":
            for resource in document["resources"]:
                assert (path.parent / resource).exists(), resource


def test_manifest_variables_are_read_by_somebody() -> None:
    (generator,) = [d for d in of_kind("Kustomization") if "configMapGenerator" in d]
    (settings,) = generator["configMapGenerator"]
    (secret,) = of_kind("Secret")
    names = {literal.split("=")[0] for literal in settings["literals"]}
    names |= set(secret["stringData"]) - {"REDIS_PASSWORD"}  # for the autoscaler
    for deployment in DEPLOYMENTS:
        names |= {entry["name"] for entry in container_of(deployment)["env"]}
        sources = container_of(deployment)["envFrom"]
        assert sources == [
            {"configMapRef": {"name": settings["name"]}},
            {"secretRef": {"name": name_of(secret)}},
        ]
    assert names <= known_variables()


def test_there_is_exactly_one_scheduler() -> None:
    schedulers = [
        deployment
        for deployment in DEPLOYMENTS
        if "PERIODIC_SCHEDULER"
        in {entry["name"] for entry in container_of(deployment)["env"]}
    ]
    (scheduler,) = schedulers
    assert scheduler["spec"]["replicas"] == 1
    assert scheduler["spec"]["strategy"] == {"type": "Recreate"}


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=name_of)
def test_pods_run_without_privileges_on_a_read_only_root(
    deployment: dict[str, Any],
) -> None:
    pod = deployment["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert f"USER {pod['securityContext']['runAsUser']}\n" in (
        ROOT / "Dockerfile"
    ).read_text(encoding="utf-8")
    context = container_of(deployment)["securityContext"]
    assert context["readOnlyRootFilesystem"] is True
    assert context["capabilities"] == {"drop": ["ALL"]}
    mounts = {mount["name"] for mount in container_of(deployment)["volumeMounts"]}
    assert mounts == {volume["name"] for volume in pod["volumes"]}
    claims = {name_of(claim) for claim in of_kind("PersistentVolumeClaim")}
    for volume in pod["volumes"]:
        if "persistentVolumeClaim" in volume:
            assert volume["persistentVolumeClaim"]["claimName"] in claims


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=name_of)
def test_probes_ask_what_exists(deployment: dict[str, Any], app: Flask) -> None:
    container = container_of(deployment)
    probes = [value for key, value in container.items() if key.endswith("Probe")]
    assert len(probes) >= 2
    ports = {port["name"] for port in container.get("ports", [])}
    for probe in probes:
        if "httpGet" in probe:
            # Probes take no redirect for an answer.
            answer = app.test_client().get(probe["httpGet"]["path"])
            assert answer.status_code in (200, 503)
            assert probe["httpGet"]["port"] in ports
        else:
            assert probe["exec"]["command"] == HEALTH_COMMAND


def test_selectors_and_labels_agree() -> None:
    labels = {
        deployment["spec"]["template"]["metadata"]["labels"][
            "app.kubernetes.io/component"
        ]
        for deployment in DEPLOYMENTS
    }
    (kustomization,) = [d for d in of_kind("Kustomization") if "labels" in d]
    assert kustomization["labels"][0]["includeTemplates"] is True
    for deployment in DEPLOYMENTS:
        selector = deployment["spec"]["selector"]["matchLabels"]
        assert selector == deployment["spec"]["template"]["metadata"]["labels"]
    (service,) = of_kind("Service")
    assert service["spec"]["selector"]["app.kubernetes.io/component"] in labels
    for scaled in of_kind("ScaledObject"):
        assert scaled["spec"]["scaleTargetRef"]["name"] in map(name_of, DEPLOYMENTS)


def test_the_autoscaler_looks_at_the_queue_of_the_workers() -> None:
    (scaled,) = of_kind("ScaledObject")
    (trigger,) = scaled["spec"]["triggers"]
    (generator,) = [d for d in of_kind("Kustomization") if "configMapGenerator" in d]
    literals = generator["configMapGenerator"][0]["literals"]
    assert f"CELERY_QUEUE={trigger['metadata']['listName']}" in literals


def test_traefik_takes_the_prefix_away_that_it_routes() -> None:
    text = (ROOT / "deploy" / "traefik" / "runner.yaml").read_text(encoding="utf-8")
    http = yaml.safe_load(text)["http"]
    router = http["routers"]["runner"]
    (middleware,) = router["middlewares"]
    (prefix,) = http["middlewares"][middleware]["stripPrefix"]["prefixes"]
    assert f"PathPrefix(`{prefix}/`)" in router["rule"]
    assert router["service"] in http["services"]


def test_traefik_checks_the_health_where_the_runner_tells_it(app: Flask) -> None:
    text = (ROOT / "deploy" / "traefik" / "runner.yaml").read_text(encoding="utf-8")
    balancer = yaml.safe_load(text)["http"]["services"]["runner"]["loadBalancer"]
    answer = app.test_client().get(balancer["healthCheck"]["path"])
    assert answer.status_code in (200, 503)
