# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The production server and its database."""

import sys

from invoke import Context, task

from . import shell


def gunicorn_command(
    bind: str, workers: int, log_level: str, heartbeat: str
) -> list[str]:
    """Return gunicorn's command line; threads keep slow clients from blocking it."""
    options = ["--bind", bind, "--workers", workers, "--worker-class", "gthread"]
    options += ["--threads", 8, "--worker-tmp-dir", heartbeat, "--error-logfile", "-"]
    options += ["--log-level", log_level, "--no-control-socket"]
    return shell.python("gunicorn", *options, "qhana_plugin_runner:create_app()")


@task(help={"docker": "keep heartbeat files in memory (/dev/shm)"})
def start_gunicorn(
    c: Context, workers: int = 1, log_level: str = "info", docker: bool = False
) -> None:
    """Run the production server on SERVER_PORT (8080) with GUNICORN_WORKERS workers."""
    env = shell.environment()
    bind = f"0.0.0.0:{env.get('SERVER_PORT') or 8080}"
    workers = int(env.get("GUNICORN_WORKERS") or workers)
    shell.become(
        gunicorn_command(bind, workers, log_level, "/dev/shm" if docker else "/tmp")
    )


@task
def upgrade_db(c: Context) -> None:
    """Migrate the database to the newest revision; a failure only warns."""
    if shell.run(shell.python("flask", "db", "upgrade")):
        print("WARNING: the database was not migrated.", file=sys.stderr, flush=True)
