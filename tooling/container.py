# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The start of a container, step by step and as a whole."""

import os
import re
import socket
import sys
import time
from collections.abc import Mapping

from invoke import Context, Exit, task

from . import localhost_proxy, plugin_environment, shell
from .git_plugins import load_git_plugins
from .server import start_gunicorn, upgrade_db
from .switches import is_switched_on
from .worker import worker


@task(help={"strict": "a failure is an error, for building an image with plugins"})
def install_plugin_dependencies(c: Context, strict: bool = False) -> None:
    """Install what the plugins require; a failure only warns."""
    plugin_environment.enter(
        "install-plugin-dependencies", *(["--strict"] if strict else [])
    )
    status = shell.run(shell.python("flask", "install"))
    if status and strict:
        raise Exit(code=status)
    if status:
        print("WARNING: plugin requirements are missing.", file=sys.stderr, flush=True)


@task
def ensure_paths(c: Context) -> None:
    """Create the instance folder and check that it can be written."""
    folder = shell.instance_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Exit(f"{folder} cannot be created: {error.strerror}.") from error
    if not os.access(folder, os.W_OK):
        raise Exit(f"{folder} cannot be written by user {os.getuid()}.")


@task
def await_db(c: Context) -> None:
    """Wait until every host:port of WAIT_HOSTS answers, WAIT_TIMEOUT seconds at most."""
    env = shell.environment()
    deadline = time.monotonic() + _seconds(env, "WAIT_TIMEOUT", 30)
    pause = _seconds(env, "WAIT_SLEEP_INTERVAL", 1)
    for address in filter(None, (part.strip() for part in _wait_hosts(env))):
        host, _, port = address.rpartition(":")
        if not host or not port.isdigit():
            raise Exit(f"WAIT_HOSTS has '{address}', allowed is host:port, host:port.")
        while not _listens(host.strip("[]"), int(port)):
            if time.monotonic() > deadline:
                raise Exit(f"{address} does not answer (WAIT_TIMEOUT).")
            time.sleep(pause)


def _seconds(env: Mapping[str, str], name: str, default: float) -> float:
    text = env.get(name) or str(default)
    if not re.fullmatch(r"[0-9]+(\.[0-9]+)?", text):
        raise Exit(f"{name} is '{text}', allowed is a number of seconds.")
    return float(text)


def _wait_hosts(env: Mapping[str, str]) -> list[str]:
    return env.get("WAIT_HOSTS", "").split(",")


def _listens(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=2):
            return True
    except OSError:
        return False


@task
def start_docker(c: Context) -> None:
    """Start what CONTAINER_MODE says: server (default) or worker."""
    env = shell.environment()
    mode = env.get("CONTAINER_MODE") or "server"
    if mode not in ("server", "worker"):
        raise Exit(f"CONTAINER_MODE is '{mode}', allowed are 'server' and 'worker'.")
    plugin_environment.enter("start-docker")
    concurrency = env.get("CONCURRENCY") or "2"
    # Zero processes would do nothing for ever.
    number = max(1, int(concurrency)) if concurrency.isdecimal() else 1
    level = env.get("DEFAULT_LOG_LEVEL") or "INFO"
    localhost_proxy.start_in_background()
    ensure_paths(c)
    load_git_plugins(c)
    install_plugin_dependencies(c)
    await_db(c)
    if mode == "server":
        upgrade_db(c)
        start_gunicorn(c, workers=number, log_level=level.lower(), docker=True)
    worker(
        c,
        pool=env.get("CELERY_WORKER_POOL") or "prefork",
        concurrency=number,
        log_level=level,
        periodic_scheduler=is_switched_on(env.get("PERIODIC_SCHEDULER")),
    )
