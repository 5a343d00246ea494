# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""What a runner needs, checked one by one.

Messages are shown to whoever may ask for the readiness: they name no addresses, paths or
passwords.
"""

from __future__ import annotations

import enum
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa
from flask import current_app

from .celery import CELERY
from .db import DB
from .db.db import migrations_folder
from .db.models.base import utc_now
from .db.models.leases import WorkerLease
from .plugin_loader import SLOW_IMPORT_SECONDS, get_load_report
from .storage import STORE

if TYPE_CHECKING:
    from alembic.script import ScriptDirectory

_EXTENSION = "qhana-migration-scripts"
_NAMED_PLUGINS = 5


class CheckStatus(str, enum.Enum):
    """How a check has ended."""

    OK = "ok"
    WARNING = "warning"
    FAILING = "failing"


@dataclass(frozen=True)
class Finding:
    """What a check has found.

    Attributes:
        status: a warning does not keep the runner from working.
        message: one or two sentences for operators.
    """

    status: CheckStatus
    message: str


def ok(message: str) -> Finding:
    """Return the finding of a check that is content."""
    return Finding(CheckStatus.OK, message)


def warning(message: str) -> Finding:
    """Return the finding of a check that saw something odd."""
    return Finding(CheckStatus.WARNING, message)


def failing(message: str) -> Finding:
    """Return the finding of a check without which nothing works."""
    return Finding(CheckStatus.FAILING, message)


def check_database() -> Finding:
    """Check that the database answers, and that SQLite's file can be written."""
    file = sqlite_file()
    if file is not None:
        target = file if file.exists() else file.parent
        if not (os.access(target, os.W_OK) and os.access(file.parent, os.W_OK)):
            return failing("The file of the SQLite database or its folder is read-only.")
    with DB.engine.connect() as connection:
        connection.execute(sa.select(1))
    return ok("The database answers.")


def sqlite_file() -> Path | None:
    """Return the file of the current app's database if that is one."""
    url = DB.engine.url
    name = url.database
    if url.get_backend_name() != "sqlite" or name in (None, "", ":memory:"):
        return None
    assert name is not None
    return None if name.startswith("file:") else Path(name)


def check_migrations() -> Finding:
    """Check that the tables are those of this version."""
    script = _scripts()
    current = _revisions()
    wanted = set(script.get_heads())
    if current == wanted:
        return ok("The database has the tables of this version.")
    if not current:
        return failing("The database has no tables yet. Run `flask db upgrade`.")
    known = {revision.revision for revision in script.walk_revisions()}
    if current - known:
        # During an upgrade the processes of the old version go on.
        return warning("The database was upgraded by a newer version of the runner.")
    return failing("The tables are those of an older version. Run `flask db upgrade`.")


def _revisions() -> set[str]:
    # Alembic's own context writes two lines into the log each time.
    noted = sa.table("alembic_version", sa.column("version_num", sa.String()))
    with DB.engine.connect() as connection:
        if not sa.inspect(connection).has_table(noted.name):
            return set()
        return set(connection.scalars(sa.select(noted.c.version_num)))


def _scripts() -> ScriptDirectory:
    from alembic.script import ScriptDirectory  # ten megabytes that workers do not need

    extensions = current_app.extensions
    if _EXTENSION not in extensions:
        extensions[_EXTENSION] = ScriptDirectory(str(migrations_folder()))
    return extensions[_EXTENSION]


def check_broker() -> Finding:
    """Check that the broker takes connections, and the embedded one can write."""
    folder = embedded_broker_folder()
    if folder is not None and folder.exists() and not os.access(folder, os.W_OK):
        return failing("The folder of the embedded broker is read-only.")
    with CELERY.connection_for_write() as connection:
        connection.ensure_connection(max_retries=1, interval_start=0, interval_step=0.1)
    return ok("The broker answers.")


def embedded_broker_folder() -> Path | None:
    """Return the folder of the embedded broker if the current app uses that one."""
    if not str(CELERY.conf.broker_url).startswith("embedded:"):
        return None
    return Path(CELERY.conf.broker_transport_options["folder"])


def check_store() -> Finding:
    """Check that the default file store takes results."""
    problem = STORE.check()
    if problem is not None:
        return failing(problem)
    return ok("The file store takes results.")


def check_workers() -> Finding:
    """Check that a worker has shown a sign of life lately."""
    count = count_workers()
    if not count:
        return warning("No worker is running. Tasks wait until one is started.")
    return ok(f"{count} {'worker is' if count == 1 else 'workers are'} running.")


def count_workers() -> int:
    """Return the number of workers whose lease has not run out."""
    alive = WorkerLease.expires_at > utc_now()
    statement = sa.select(sa.func.count()).select_from(WorkerLease).where(alive)
    with DB.engine.connect() as connection:
        return connection.scalar(statement) or 0


def check_plugins() -> Finding:
    """Check that all plugins of this process were loaded, and soon."""
    report = get_load_report()
    failures = [entry.identifier or entry.module for entry in report.failures]
    if failures:
        return warning(
            f"{len(failures)} of {len(report.entries)} plugins cannot be used: "
            f"{_enumerated(failures)}. `flask plugins` says why."
        )
    slow = [e.module for e in report.entries if e.seconds > SLOW_IMPORT_SECONDS]
    if slow:
        return warning(f"Importing these plugins was slow: {_enumerated(slow)}.")
    return ok(f"{len(report.entries)} plugins are loaded.")


def _enumerated(names: list[str]) -> str:
    names = list(dict.fromkeys(names))
    more = len(names) - _NAMED_PLUGINS
    shown = ", ".join(names[:_NAMED_PLUGINS])
    return f"{shown} and {more} more" if more > 0 else shown


CHECKS = {
    "database": check_database,
    "migrations": check_migrations,
    "broker": check_broker,
    "store": check_store,
    "workers": check_workers,
    "plugins": check_plugins,
}
