# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The database handle, constraint names and the set-up of each app's engine."""

from __future__ import annotations

import logging
import os
import weakref
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import sqlalchemy as sa
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.orm import mapped_column, registry, relationship
from typing_extensions import dataclass_transform
from werkzeug.local import LocalProxy

from ..errors import DatabaseUnavailableError
from ..signals import DB_SIGNALS
from .connections import check_before_use
from .pool import NestingPool
from .postgresql import watch_answers

if TYPE_CHECKING:
    import click
    from flask_migrate import Migrate

__all__ = ["DB", "DB_SIGNALS", "MIGRATE", "MODEL", "REGISTRY", "init_app"]

REGISTRY = registry(
    metadata=sa.MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
        }
    )
)

T = TypeVar("T")

_PSYCOPG = "postgresql+psycopg"


@dataclass_transform(field_specifiers=(mapped_column, relationship))
def model(cls: type[T]) -> type[T]:
    """Declare a table as a mapped dataclass; rows are equal only to themselves."""
    return REGISTRY.mapped_as_dataclass(eq=False)(cls)


_ENGINES: weakref.WeakSet[sa.Engine] = weakref.WeakSet()


class Database(SQLAlchemy):
    """Flask-SQLAlchemy with the runner's connection rules for each kind of database."""

    def _make_engine(
        self, bind_key: str | None, options: dict[str, Any], app: Flask
    ) -> sa.Engine:
        url = sa.make_url(options["url"])
        for key, value in _engine_defaults(url, app).items():
            if isinstance(value, dict):
                options[key] = {**value, **options.get(key, {})}
            else:
                options.setdefault(key, value)
        try:
            engine = super()._make_engine(bind_key, options, app)
        except ModuleNotFoundError as err:
            # Plugins may bring the driver: `flask install` must be able to run.
            engine = _engine_without_driver(url, err)
            app.logger.error("%s", _missing_driver_message(url, err))
        if url.get_backend_name() == "sqlite":
            _prepare_sqlite(engine, app.config.get("SQLITE_FOREIGN_KEYS", True))
        elif url.drivername == _PSYCOPG and engine.driver == "psycopg":
            watch_answers(engine, app.config.get("DATABASE_STATEMENT_TIMEOUT", 15))
            check_before_use(engine)
        _ENGINES.add(engine)
        return engine


DB = Database(metadata=REGISTRY.metadata)
MODEL = DB.Model


@cache
def _migrate() -> Migrate:
    from flask_migrate import Migrate

    directory = str(migrations_folder())
    return Migrate(db=DB, directory=directory, compare_type=True, render_as_batch=True)


# Flask-Migrate and Alembic with all its dialects take ten megabytes of each process. They
# are imported when a command (or a test) uses the migrations.
MIGRATE = cast("Migrate", LocalProxy(_migrate))


def init_app(app: Flask) -> None:
    """Bind the database and the migrations to the app."""
    from . import models  # noqa: F401  (declares the tables)

    DB.init_app(app)
    # It would list its own parts, in the middle of whatever imports it.
    logging.getLogger("alembic.runtime.plugins").setLevel(logging.WARNING)
    app.extensions["migrate"] = LocalProxy(lambda: _migrations_of(app))
    commands = cast("click.Group", LocalProxy(_migration_commands))
    app.cli.add_command(commands, name="db")


def _migrations_of(app: Flask) -> Any:
    MIGRATE.init_app(app)
    return app.extensions["migrate"]


def _migration_commands() -> click.Group:
    from flask_migrate.cli import db

    return db


def migrations_folder() -> Path:
    """Return the folder of the migrations: in the package, else beside it."""
    package = Path(__file__).resolve().parent.parent
    inside = package / "migrations"
    return inside if inside.is_dir() else package.parent / "migrations"


def _engine_defaults(url: sa.URL, app: Flask) -> dict[str, Any]:
    connect = app.config.get("DATABASE_CONNECT_TIMEOUT", 5)
    statement = app.config.get("DATABASE_STATEMENT_TIMEOUT", 15)
    backend = url.get_backend_name()
    if backend == "sqlite":
        pool = {} if _is_in_memory(url) else {"poolclass": NestingPool}
        return {"connect_args": {"timeout": 30}, **pool}
    options: dict[str, Any] = {"pool_pre_ping": True, "pool_recycle": 1800}
    options["poolclass"] = NestingPool
    if url.drivername == _PSYCOPG:
        options["pool_pre_ping"] = False  # see check_before_use
        options["connect_args"] = {
            "connect_timeout": connect,
            # a server that hangs without closing the connection
            "tcp_user_timeout": statement * 1000,
            "keepalives_idle": 30,
            "options": f"-c statement_timeout={statement * 1000}",
        }
    elif url.drivername.endswith("+pymysql"):
        # As on the other databases: who waits for a lock sees what its holder did.
        options["isolation_level"] = "READ COMMITTED"
        options["connect_args"] = {
            "connect_timeout": connect,
            "read_timeout": statement,
            "write_timeout": statement,
            "charset": "utf8mb4",
        }
    return options


def _is_in_memory(url: sa.URL) -> bool:
    return url.database in (None, "", ":memory:") or url.query.get("mode") == "memory"


def _prepare_sqlite(engine: sa.Engine, foreign_keys: bool) -> None:
    in_memory = _is_in_memory(engine.url)

    @sa.event.listens_for(engine, "connect")
    def set_pragmas(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        if not in_memory:
            # Readers and the one writer do not block each other.
            cursor.execute("PRAGMA journal_mode=WAL")
            cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.execute("PRAGMA busy_timeout=30000")
        if foreign_keys:
            cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()


def _missing_driver_message(url: sa.URL, err: ModuleNotFoundError) -> str:
    return (
        f"The database driver of {url.drivername} is not installed ({err}). Install it, "
        "for example with `flask install` if a plugin requires it."
    )


def _engine_without_driver(url: sa.URL, err: ModuleNotFoundError) -> sa.Engine:
    message = _missing_driver_message(url, err)

    def refuse() -> Any:
        raise DatabaseUnavailableError(message)

    return sa.create_engine("sqlite://", creator=refuse)


def _forget_connections_of_parent() -> None:
    # A connection must not be used by two processes; the parent closes its own.
    for engine in list(_ENGINES):
        engine.dispose(close=False)


os.register_at_fork(after_in_child=_forget_connections_of_parent)
