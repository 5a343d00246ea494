# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Server and worker of a developer's machine: ``invoke start`` and ``invoke demo``."""

import os
import socket
import sys
import tempfile
from collections.abc import Mapping

from dotenv import dotenv_values
from invoke import Context, Exit, task

from . import shell
from .server import gunicorn_command
from .supervisor import Supervisor, in_words
from .worker import celery_command

DEFAULT_PORT = 5005


def start_port(env: Mapping[str, str], port: int | None = None) -> int:
    """Return the local server's port: argument, ``PORT``, ``FLASK_RUN_PORT``, 5005."""
    text = str(port or env.get("PORT") or env.get("FLASK_RUN_PORT") or DEFAULT_PORT)
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 65536:
        raise Exit(f"'{text}' is no port: PORT must be a number from 1 to 65535.")
    return int(text)


def refuse_taken_port(host: str, port: int) -> None:
    """Leave with one line that names the port if something listens there already."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise Exit(
                f"Port {port} on {host} cannot be used ({error.strerror}). Stop the "
                f"program there or choose another port, for example PORT={port + 1}."
            ) from error


def start_environment(real: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of ``invoke start``: debug mode only on demand.

    ``.flaskenv`` switches debug mode on for ``flask run``; it counts here only when the
    real environment or ``.env`` asks for it.
    """
    real = os.environ if real is None else real
    asked = {**dotenv_values(shell.ROOT / ".env"), **real}.get("FLASK_DEBUG")
    return {**shell.environment(real), "FLASK_DEBUG": asked or "false"}


@task(help={"port": "port of the server (PORT, FLASK_RUN_PORT or 5005)"})
def start(
    c: Context, port: int | None = None, host: str = "127.0.0.1", concurrency: int = 2
) -> None:
    """Migrate the database, then run server and worker here; Ctrl-C ends both.

    Without BROKER_URL, RESULT_BACKEND and SQLALCHEMY_DATABASE_URI nothing else is needed:
    broker, result backend and SQLite database live in the instance folder.
    """
    env = start_environment()
    number = start_port(env, port)
    refuse_taken_port(host, number)
    supervisor = Supervisor(env, sys.stdout)
    status = supervisor.run_first("setup", shell.python("flask", "db", "upgrade"))
    if status:
        raise Exit(f"The database migration failed ({in_words(status)}).", abs(status))
    server = gunicorn_command(f"{host}:{number}", 1, "info", _heartbeat_folder())
    worker = celery_command("prefork", concurrency, "INFO")
    status = supervisor.supervise(
        {"server": server, "worker": worker}, url=f"http://localhost:{number}/"
    )
    if status:
        raise Exit("Server and worker have ended because one of them did.", status)


def _heartbeat_folder() -> str:
    """Return a folder for gunicorn's heartbeat files, in memory if there is one."""
    # gunicorn makes files in there with names that nobody can guess.
    in_memory = "/dev/shm"  # nosec B108
    return in_memory if os.access(in_memory, os.W_OK) else tempfile.gettempdir()


@task(help={"url": "address of a running server (default: here, started if needed)"})
def demo(c: Context, url: str = "") -> None:
    """Run the main job over HTTP: upload a data set, reduce, cluster and plot it."""
    here = f"http://localhost:{start_port(start_environment())}/"
    script = str(shell.ROOT / "docs" / "examples" / "main_job.py")
    shell.must_run([sys.executable, script, *([url] if url else [here, "--start"])])
