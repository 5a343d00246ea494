# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""What has to be asked: folders, database, broker, workers, clocks."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import sqlalchemy as sa
from flask import current_app

from .. import health_checks
from ..celery import CELERY
from ..db import DB
from ..db.models.base import utc_now
from ..db.models.leases import WorkerLease
from ..health_checks import CheckStatus, Finding
from .findings import Advice, fail, ok, warn

_LITTLE_SPACE = 1 << 30
_TOO_LITTLE_SPACE = 100 << 20
_NETWORK_FILE_SYSTEMS = re.compile(r"nfs|cifs|smb|9p|ceph|gluster|lustre|afs|fuse\.sshfs")
_MOUNTS = Path("/proc/self/mounts")


def instance_folder() -> Iterator[Advice]:
    """Look whether the instance folder can be written, and how much fits."""
    folder = Path(current_app.instance_path)
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        yield fail(
            f"The instance folder {folder} cannot be written.",
            "Make it writable, or name another one in "
            "QHANA_PLUGIN_RUNNER_INSTANCE_FOLDER.",
        )
        return
    yield from _free_space(folder)


def _free_space(folder: Path) -> Iterator[Advice]:
    free = shutil.disk_usage(folder).free
    shown = f"{free / (1 << 30):.1f} GiB are free in {folder}."
    advice = (
        "Make space: `flask tasks cleanup` deletes old tasks, TASK_RETENTION_DAYS lets "
        "workers do it."
    )
    if free < _TOO_LITTLE_SPACE:
        yield fail(f"Only {shown}", advice)
    elif free < _LITTLE_SPACE:
        yield warn(f"Only {shown}", advice)
    else:
        yield ok(f"The instance folder can be written. {shown}")


def file_system(path: Path) -> str:
    """Return the kind of the file system that a path is on, empty if that is unknown."""
    path, best, kind = path.absolute(), "", ""
    try:
        lines = _MOUNTS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    for line in lines:
        _device, mount, its_kind, *_rest = line.split(" ")
        mount = mount.replace("\\040", " ")
        if len(mount) >= len(best) and path.is_relative_to(mount):
            best, kind = mount, its_kind
    return kind


def is_on_network(path: Path) -> bool:
    """Return whether a path is on a file system of another machine."""
    return bool(_NETWORK_FILE_SYSTEMS.match(file_system(path)))


def database() -> Iterator[Advice]:
    """Ask the database; SQLite and network file systems do not go together."""
    yield from _of_health(
        health_checks.check_database(),
        "Start the database server and correct SQLALCHEMY_DATABASE_URI; for SQLite make "
        "the file and its folder writable.",
    )
    file = health_checks.sqlite_file()
    if file is not None and is_on_network(file):
        yield fail(
            f"The SQLite database {file} is on a network file system, where its locks "
            "and its log do not work.",
            "Use PostgreSQL or MariaDB, or a local disk.",
        )


def migrations() -> Iterator[Advice]:
    """Compare the tables with this version."""
    advice = "Run `flask db upgrade`."
    yield from _of_health(health_checks.check_migrations(), advice)


def clock() -> Iterator[Advice]:
    """Compare this clock with that of the database server and of the workers."""
    if DB.engine.url.get_backend_name() != "sqlite":
        yield _difference("the database server", _database_seconds_ahead())
    lease = float(current_app.config.get("TASK_LEASE_SECONDS", 30))
    with DB.engine.connect() as connection:
        newest = connection.scalar(sa.select(sa.func.max(WorkerLease.expires_at)))
    if newest is not None and newest > utc_now():
        yield _difference("a worker", (newest - utc_now()).total_seconds() - lease)


def _difference(whose: str, seconds: float) -> Advice:
    # A lease that has run out by the clock of somebody else looks like a dead worker.
    limit = float(current_app.config.get("TASK_LEASE_SECONDS", 30)) / 3
    shown = f"The clock of {whose} is {abs(seconds):.1f} s "
    shown += "ahead." if seconds > 0 else "behind."
    advice = "Synchronise the clocks of all machines (NTP): leases of workers need it."
    if whose == "a worker" and seconds <= 2:
        return ok("The clocks of the workers agree with this one.")
    if abs(seconds) > limit:
        return fail(shown, advice)
    if abs(seconds) > 2:
        return warn(shown, advice)
    return ok(f"The clocks of this machine and of {whose} agree.")


def _database_seconds_ahead() -> float:
    is_mysql = DB.engine.url.get_backend_name() in ("mysql", "mariadb")
    now = sa.text("SELECT UTC_TIMESTAMP(6)" if is_mysql else "SELECT clock_timestamp()")
    with DB.engine.connect() as connection:
        before = utc_now()
        theirs = connection.scalar(now)
        after = utc_now()
    if isinstance(theirs, datetime) and theirs.tzinfo is None:
        theirs = theirs.replace(tzinfo=timezone.utc)
    return (theirs - (before + (after - before) / 2)).total_seconds()


def broker() -> Iterator[Advice]:
    """Ask the broker; say who can share it."""
    folder = health_checks.embedded_broker_folder()
    url = str(CELERY.conf.broker_url)
    if url.startswith("memory:"):
        yield fail(
            "The broker is in the memory of each process: no worker gets a task.",
            "Unset BROKER_URL for the embedded broker, or name a Redis or RabbitMQ.",
        )
        return
    yield from _of_health(
        health_checks.check_broker(), "Start the broker and correct BROKER_URL."
    )
    if folder is None:
        return
    if is_on_network(folder):
        yield fail(
            f"The embedded broker in {folder} is on a network file system.",
            "Set BROKER_URL to a Redis or RabbitMQ.",
        )
    else:
        yield ok(
            "The embedded broker serves the processes of this machine that share the "
            "instance folder; workers on other machines need BROKER_URL."
        )


def result_backend() -> Iterator[Advice]:
    """Look at where plugins wait for results."""
    backend = str(CELERY.conf.result_backend or "")
    if backend.startswith("cache+memory:"):
        yield fail(
            "The result backend is in the memory of each process: a plugin that waits "
            "for a result in a request never gets it.",
            "Unset RESULT_BACKEND, or name one that server and workers share.",
        )
    else:
        yield ok("There is a result backend.")


def store() -> Iterator[Advice]:
    """Try the default file store."""
    advice = "Correct DEFAULT_FILE_STORE and the settings of the store."
    yield from _of_health(health_checks.check_store(), advice)


def workers() -> Iterator[Advice]:
    """Look for workers that live."""
    advice = "Start one with `invoke worker`."
    yield from _of_health(health_checks.check_workers(), advice)


def plugins() -> Iterator[Advice]:
    """Look for plugins that were not loaded."""
    advice = "See `flask plugins`; `flask install` installs what plugins need."
    yield from _of_health(health_checks.check_plugins(), advice)


def _of_health(finding: Finding, advice: str) -> Iterator[Advice]:
    if finding.status is CheckStatus.OK:
        yield ok(finding.message)
        return
    message = finding.message.removesuffix(f" {advice}")
    is_warning = finding.status is CheckStatus.WARNING
    yield warn(message, advice) if is_warning else fail(message, advice)
