# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Broker and workflow engine in containers on a developer's machine."""

import shlex
import subprocess

from dotenv import set_key, unset_key
from invoke import Context, Exit, task

from . import shell

REDIS = ("REDIS", "docker.io/library/redis:7", 6379, 6379)
CAMUNDA = ("CAMUNDA", "docker.io/camunda/camunda-bpm-platform:run-latest", 8080, 8080)
Service = tuple[str, str, int, int]


def _docker() -> str:
    return shell.environment().get("DOCKER_CMD") or "docker"


def _container_id(service: Service) -> str:
    return shell.environment().get(f"{service[0]}_CONTAINER_ID", "")


def _start_container(service: Service, port: int | None) -> None:
    """Restart the known container, or run a new one and note its id in ``.env``."""
    name, image, default_port, inner_port = service
    known = _container_id(service)
    # podman does not give a restarted container its port back.
    if (
        known
        and "podman" not in _docker()
        and not shell.run([_docker(), "restart", known])
    ):
        return
    number = port or int(shell.environment().get(f"{name}_PORT") or default_port)
    command = [_docker(), "run", "-d", "-p", f"{number}:{inner_port}", image]
    result = subprocess.run(
        command, env=shell.environment(), stdout=subprocess.PIPE, text=True
    )
    if result.returncode:
        raise Exit(f"'{shlex.join(command)}' failed.", result.returncode)
    (shell.ROOT / ".env").touch(mode=0o600)
    set_key(shell.ROOT / ".env", f"{name}_CONTAINER_ID", result.stdout.strip())


def _stop_container(service: Service) -> None:
    shell.must_run([_docker(), "stop", _container_id(service) or "--latest"])


def _reset_container(service: Service) -> None:
    known = _container_id(service)
    if not known:
        raise Exit(f"No container is known: {service[0]}_CONTAINER_ID is not set.")
    shell.run([_docker(), "stop", known])
    shell.must_run([_docker(), "rm", known])
    unset_key(shell.ROOT / ".env", f"{service[0]}_CONTAINER_ID")


@task(
    help={"port": "port on this machine (REDIS_PORT or 6379); a reused one keeps its own"}
)
def start_broker(c: Context, port: int | None = None) -> None:
    """Start a Redis broker in a container (DOCKER_CMD: docker or podman)."""
    _start_container(REDIS, port)


@task
def stop_broker(c: Context) -> None:
    """Stop the Redis container."""
    _stop_container(REDIS)


@task
def reset_broker(c: Context) -> None:
    """Stop and remove the Redis container with all its messages."""
    _reset_container(REDIS)


@task(help={"port": "port on this machine (CAMUNDA_PORT or 8080)"})
def start_camunda(c: Context, port: int | None = None) -> None:
    """Start a Camunda workflow engine in a container."""
    _start_container(CAMUNDA, port)
    number = port or shell.environment().get("CAMUNDA_PORT") or CAMUNDA[2]
    print(f"Cockpit and task list: http://localhost:{number}/camunda/")
    print(f"REST API (CAMUNDA_API_URL): http://localhost:{number}/engine-rest")


@task
def stop_camunda(c: Context) -> None:
    """Stop the Camunda container."""
    _stop_container(CAMUNDA)


@task
def reset_camunda(c: Context) -> None:
    """Stop and remove the Camunda container."""
    _reset_container(CAMUNDA)


@task
def start_containers(c: Context) -> None:
    """Start broker and workflow engine."""
    start_broker(c)
    start_camunda(c)


@task
def stop_containers(c: Context) -> None:
    """Stop broker and workflow engine."""
    stop_broker(c)
    stop_camunda(c)
