# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""How Alembic reaches the database of the application.

Only one process migrates at a time; the others wait and then find nothing to do. A
database that was made by ``flask create-db`` of an old release carries no revision: it is
recognised by its tables.
"""

from __future__ import annotations

import contextlib
import logging

import sqlalchemy as sa
from alembic import context
from alembic.script import ScriptDirectory
from flask import current_app

LOGGER = logging.getLogger("alembic.env")

# Tables and columns that tell which revision a database without a version row has.
HEAD_MARK = ("ProcessingTask", "state")
OLD_HEAD, OLD_HEAD_TABLE = "ff55b6ebbbd7", "TaskUpdateSubscription"
LOCK_WAIT_SECONDS = 600
LOCK_NUMBER = 0x71_68_61_6E_61  # "qhana"

DB = current_app.extensions["migrate"].db


def metadata():
    return DB.metadatas[None]


def migration_engine():
    """Return an engine without the statement time-out of the application."""
    url = DB.engine.url
    if url.get_backend_name() == "sqlite":
        return DB.engine
    return sa.create_engine(url, poolclass=sa.pool.NullPool)


@contextlib.contextmanager
def exclusive(connection):
    """Hold a lock on the database while the block runs."""
    backend = connection.dialect.name
    if backend == "postgresql":
        connection.execute(sa.text(f"SELECT pg_advisory_lock({LOCK_NUMBER})"))
        connection.commit()
        try:
            yield
        finally:
            connection.rollback()
            connection.execute(sa.text(f"SELECT pg_advisory_unlock({LOCK_NUMBER})"))
            connection.commit()
    elif backend in ("mysql", "mariadb"):
        # Names are those of the whole server, this lock is for one database.
        name = "CONCAT('qhana-', LEFT(SHA1(DATABASE()), 40))"
        wait = f"SELECT GET_LOCK({name}, {LOCK_WAIT_SECONDS})"
        if connection.execute(sa.text(wait)).scalar() != 1:
            raise RuntimeError(
                f"Another process has migrated the database for {LOCK_WAIT_SECONDS} "
                "seconds. Wait for its end, then try again."
            )
        try:
            yield
        finally:
            connection.rollback()
            connection.execute(sa.text(f"SELECT RELEASE_LOCK({name})"))
    else:
        with sqlite_lock(connection.engine.url.database):
            yield


@contextlib.contextmanager
def sqlite_lock(database):
    if database in (None, "", ":memory:"):
        yield
        return
    import fcntl

    with open(f"{database}.migration-lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def recognise_unversioned_database(connection, migration_context, script):
    if migration_context.get_current_revision() is not None:
        return
    inspector = sa.inspect(connection)
    tables = set(inspector.get_table_names())
    table, column = HEAD_MARK
    if table not in tables or OLD_HEAD_TABLE not in tables:
        return
    columns = {found["name"] for found in inspector.get_columns(table)}
    revision = script.get_current_head() if column in columns else OLD_HEAD
    LOGGER.info("The database has tables but no revision, it is taken for %s.", revision)
    migration_context.stamp(script, revision)
    connection.commit()


def run_migrations_offline():
    context.configure(
        url=DB.engine.url.render_as_string(hide_password=False),
        target_metadata=metadata(),
        literal_binds=True,
        render_as_batch=True,
    )
    with context.begin_transaction():
        context.run_migrations()


def run_migrations_online():
    options = dict(current_app.extensions["migrate"].configure_args)
    with migration_engine().connect() as connection, exclusive(connection):
        if connection.dialect.name == "sqlite":
            # Batch operations drop and make tables that others refer to.
            connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
            connection.commit()
        context.configure(
            connection=connection,
            target_metadata=metadata(),
            process_revision_directives=drop_empty_revisions,
            **options,
        )
        if not getattr(context.config.cmd_opts, "autogenerate", False):
            recognise_unversioned_database(
                connection,
                context.get_context(),
                ScriptDirectory.from_config(context.config),
            )
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA foreign_keys=ON")


def drop_empty_revisions(_context, _revision, directives):
    autogenerate = getattr(context.config.cmd_opts, "autogenerate", False)
    if autogenerate and directives[0].upgrade_ops.is_empty():
        directives[:] = []
        LOGGER.info("The models and the database agree, no revision is made.")


if context.is_offline_mode():
    run_migrations_offline()
else:
    run_migrations_online()
