# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The Celery worker and the commands that look after workers and queues."""

import contextlib
import signal
import subprocess
import time
from pathlib import Path
from typing import NoReturn

from invoke import Context, Exit, task

from . import shell
from .services import start_broker, stop_broker


def celery_command(pool: str, concurrency: int, log_level: str, *more: str) -> list[str]:
    """Return the worker's command line."""
    options = [f"--pool={pool}", "--concurrency", concurrency, "--loglevel", log_level]
    return shell.python("celery", "--app", shell.CELERY_APP, "worker", *options, *more)


@task(
    help={
        "pool": "prefork (default), threads or solo",
        "concurrency": "tasks at the same time",
        "periodic_scheduler": "also send periodic tasks; only one worker may do this",
        "queues": "queues to work on, separated by commas (default: CELERY_QUEUE)",
        "dev": "start the broker before and stop it afterwards",
        "watch": "restart the worker when code changes",
    }
)
def worker(
    c: Context,
    pool: str = "prefork",
    concurrency: int = 2,
    log_level: str = "INFO",
    periodic_scheduler: bool = False,
    queues: str = "",
    dev: bool = False,
    watch: bool = False,
) -> None:
    """Run a Celery worker. It needs the same plugins, broker and database as the server.

    prefork is the default pool: a task that crashes takes only its own process with it,
    and with Redis it finishes several times as many short tasks a second as threads.
    """
    more = ["-E"]  # monitors read the events; without one the broker drops them
    if periodic_scheduler:
        shell.instance_folder().mkdir(parents=True, exist_ok=True)
        more += [
            "-B",
            "--schedule",
            str(shell.instance_folder() / "celerybeat-schedule"),
        ]
    if queues:
        more += ["--queues", queues]
    command = celery_command(pool, concurrency, log_level, *more)
    if not dev and not watch:
        shell.become(command)
    if dev:
        start_broker(c)
    try:
        status = _run_and_restart(command) if watch else shell.run(command)
    finally:
        if dev:
            stop_broker(c)
    raise Exit(code=status)


def _run_and_restart(command: list[str]) -> int:
    """Run ``command``, again after each change of the runner's or a plugin's code."""
    # The worker must not outlive this process.
    signal.signal(signal.SIGTERM, _end)
    while True:
        before = _code_state()
        process = subprocess.Popen(command, cwd=shell.ROOT, env=shell.environment())
        try:
            while process.poll() is None and _code_state() == before:
                time.sleep(1)
            if process.returncode is not None:
                return process.returncode
            print("The code has changed: restarting the worker.", flush=True)
        except KeyboardInterrupt:
            # The worker got the Ctrl-C as well and finishes its tasks.
            return process.wait()
        except _Terminated:
            process.terminate()
            return process.wait()
        process.terminate()
        process.wait()


class _Terminated(Exception):
    """SIGTERM has arrived."""


def _end(_number: int, _frame: object) -> NoReturn:
    raise _Terminated


def _code_state() -> dict[Path, float]:
    folders = [shell.ROOT / "qhana_plugin_runner"]
    plugin_folders = shell.environment().get("PLUGIN_FOLDERS", "").split(":")
    folders += [shell.ROOT / path for path in plugin_folders if path]
    state = {}
    for file in (file for folder in folders for file in folder.rglob("*.py")):
        with contextlib.suppress(FileNotFoundError):  # gone meanwhile
            state[file] = file.stat().st_mtime
    return state


def _celery(*arguments: str) -> None:
    shell.must_run(shell.python("celery", "--app", shell.CELERY_APP, *arguments))


@task
def celery_status(c: Context) -> None:
    """Show the workers that answer."""
    _celery("status")


@task
def celery_queues(c: Context) -> None:
    """Show the queues and their bindings (RabbitMQ and Redis)."""
    _celery("list", "bindings")


@task
def celery_inspect(c: Context) -> None:
    """Show each worker's report and statistics."""
    _celery("inspect", "report")
    _celery("inspect", "stats")


@task(name="celery-enabe-events", aliases=["celery-enable-events"])
def celery_enable_events(c: Context) -> None:
    """Let the workers send events, for celery-monitor."""
    _celery("control", "enable_events")


@task
def celery_disable_events(c: Context) -> None:
    """Stop the workers from sending events."""
    _celery("control", "disable_events")


@task
def celery_monitor(c: Context) -> None:
    """Watch the workers' events on the terminal (needs celery-enabe-events)."""
    shell.become(shell.python("celery", "--app", shell.CELERY_APP, "events"))


@task
def purge_task_queues(c: Context) -> None:
    """Delete all waiting tasks from the queues, after a question."""
    if input("Type 'purge' to delete all waiting tasks: ").strip() != "purge":
        raise Exit("Nothing was deleted.")
    _celery("purge", "-f")
