# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The production server and its database."""

import sys
import tempfile

from invoke import Context, Exit, task

from . import shell

# One thread for each request: event streams (TASK_EVENTS_MAX_LISTENERS of them) and slow
# clients hold theirs for a long time. Threads are made when they are needed.
DEFAULT_THREADS = 96


def gunicorn_command(
    bind: str, workers: int, log_level: str, heartbeat: str
) -> list[str]:
    """Return gunicorn's command line; threads keep slow clients from blocking it."""
    threads = shell.environment().get("GUNICORN_THREADS") or str(DEFAULT_THREADS)
    if not threads.isdecimal() or int(threads) < 1:
        raise Exit(f"GUNICORN_THREADS is '{threads}', allowed is a number from 1.")
    options = ["--config", "python:tooling.gunicorn_config", "--bind", bind]
    options += ["--workers", str(workers), "--threads", threads]
    options += ["--worker-tmp-dir", heartbeat, "--error-logfile", "-"]
    options += ["--log-level", log_level, "--no-control-socket"]
    options += ["--logger-class", "qhana_plugin_runner.gunicorn_logging.RunnerLogger"]
    return shell.python("gunicorn", *options, "qhana_plugin_runner:create_app()")


@task(help={"docker": "keep heartbeat files in memory (/dev/shm)"})
def start_gunicorn(
    c: Context, workers: int = 1, log_level: str = "info", docker: bool = False
) -> None:
    """Run the production server on SERVER_PORT (8080) with GUNICORN_WORKERS workers."""
    env = shell.environment()
    bind = f"0.0.0.0:{env.get('SERVER_PORT') or 8080}"
    workers = int(env.get("GUNICORN_WORKERS") or workers)
    # gunicorn makes files in there with names that nobody can guess.
    heartbeat = "/dev/shm" if docker else tempfile.gettempdir()  # nosec B108
    shell.become(gunicorn_command(bind, workers, log_level, heartbeat))


@task
def upgrade_db(c: Context) -> None:
    """Migrate the database to the newest revision; a failure only warns."""
    if shell.run(shell.python("flask", "db", "upgrade")):
        print("WARNING: the database was not migrated.", file=sys.stderr, flush=True)
