# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Creating and dropping all tables."""

from __future__ import annotations

import click
from flask import Flask, current_app
from flask.cli import with_appcontext

from .db import DB, migrations_folder

DB_CLI = click.Group("database", help="Create and drop all tables.")


def create_db_function(app: Flask) -> None:
    """Create all tables and note the newest migration, so that upgrades go on from there.

    Args:
        app: the application; its context must be open.
    """
    from alembic.migration import MigrationContext  # only commands need it, see MIGRATE
    from alembic.script import ScriptDirectory

    DB.create_all()
    script = ScriptDirectory(str(migrations_folder()))
    with DB.engine.begin() as connection:
        context = MigrationContext.configure(connection)
        if context.get_current_revision() is None:
            context.stamp(script, "head")
    app.logger.info("Database created.")


def drop_db_function(app: Flask) -> None:
    """Drop all tables.

    Args:
        app: the application; its context must be open.
    """
    from alembic.migration import MigrationContext

    DB.drop_all()
    with DB.engine.begin() as connection:
        MigrationContext.configure(connection)._version.drop(connection, checkfirst=True)
    app.logger.info("Database dropped.")


@DB_CLI.command("create-db")
@with_appcontext
def create_db() -> None:
    """Create all database tables."""
    create_db_function(current_app._get_current_object())  # type: ignore[attr-defined]
    click.echo("Database created.")


@DB_CLI.command("drop-db")
@with_appcontext
def drop_db() -> None:
    """Drop all database tables with everything in them."""
    drop_db_function(current_app._get_current_object())  # type: ignore[attr-defined]
    click.echo("Database dropped.")
