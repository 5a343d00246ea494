# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Broker and workflow engine in containers on a developer's machine."""

import shlex
import shutil
import subprocess

from dotenv import set_key, unset_key
from invoke import Context, Exit, task

from . import local_redis, shell

REDIS = ("REDIS", "docker.io/library/redis:7", 6379, 6379)
CAMUNDA = ("CAMUNDA", "docker.io/camunda/camunda-bpm-platform:run-latest", 8080, 8080)
Service = tuple[str, str, int, int]


def _docker() -> str:
    """Return DOCKER_CMD, or the first container engine that works here."""
    chosen = shell.environment().get("DOCKER_CMD")
    if chosen:
        return chosen
    for engine in ("docker", "podman"):
        if _works(engine):
            return engine
    return "docker"


def _works(engine: str) -> bool:
    if shutil.which(engine) is None:
        return False
    return subprocess.run([engine, "info"], capture_output=True).returncode == 0


def _is_broker_local() -> bool:
    """Tell whether the broker is a process of this machine: no engine, or DOCKER_CMD."""
    chosen = shell.environment().get("DOCKER_CMD")
    if chosen or _container_id(REDIS):
        return chosen == "redis-server"
    return local_redis.is_known() or not _works(_docker())


def _container_id(service: Service) -> str:
    return shell.environment().get(f"{service[0]}_CONTAINER_ID", "")


def _port(service: Service, port: int | str | None) -> int:
    # invoke passes on the text of a flag that has no default.
    text = str(port or shell.environment().get(f"{service[0]}_PORT") or service[2])
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise Exit(f"'{text}' is no port: a number from 1 to 65535.")
    return int(text)


def _start_container(service: Service, port: int | None) -> None:
    """Restart the known container, or run a new one and note its id in ``.env``."""
    name, image, _default_port, inner_port = service
    known = _container_id(service)
    # podman does not give a restarted container its port back.
    if (
        known
        and "podman" not in _docker()
        and not shell.run([_docker(), "restart", known])
    ):
        return
    ports = f"{_port(service, port)}:{inner_port}"
    command = [_docker(), "run", "-d", "-p", ports, image]
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
    """Start a Redis broker: in a container, or redis-server if there is no engine.

    DOCKER_CMD chooses docker, podman or redis-server.
    """
    if _is_broker_local():
        local_redis.start(_port(REDIS, port))
    else:
        _start_container(REDIS, port)
    if not shell.environment().get("BROKER_URL"):
        url = f"redis://localhost:{_port(REDIS, port)}"
        print(f"For server and worker: BROKER_URL={url} RESULT_BACKEND={url}")


@task
def stop_broker(c: Context) -> None:
    """Stop the Redis broker."""
    if _is_broker_local():
        local_redis.stop()
    else:
        _stop_container(REDIS)


@task
def reset_broker(c: Context) -> None:
    """Stop and remove the Redis broker with all its messages."""
    if _is_broker_local():
        local_redis.reset()
    else:
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
