# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Statements that are executed so often that SQLAlchemy costs more than the database.

On PostgreSQL such a statement goes to psycopg itself, compiled once, on a connection of
the same pool. It costs a quarter of the CPU time. Whoever listens to the statements of
the engine (tracing, tests) gets to see them as ever: then, and on all other databases,
SQLAlchemy executes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from flask import current_app
from sqlalchemy.exc import DBAPIError

from .db import DB
from .single_statements import read

_EXTENSION = "qhana-driver-reads"

Rows = list[tuple[Any, ...]]


@dataclass(frozen=True)
class _Compiled:
    """A statement in the words of a driver.

    Attributes:
        text: the SQL.
        parameters: the parameters that it always has.
    """

    text: str
    parameters: dict[str, Any]


class DriverRead:
    """One statement that only reads and is executed again and again.

    Args:
        statement: has neither lists nor limits as parameters. Its columns are texts,
            numbers and times, which are the same with and without SQLAlchemy.
    """

    def __init__(self, statement: sa.Select[Any] | sa.CompoundSelect[Any]) -> None:
        self._statement = statement
        self._compiled: dict[str, _Compiled] = {}

    def rows(self, parameters: Mapping[str, Any] | None = None) -> Rows:
        """Return all rows of the statement.

        It does not see what the session of the caller has not committed (on PostgreSQL).

        Args:
            parameters: values of its bind parameters.
        """
        engine = _engine()
        if engine is None or _has_listeners(engine):
            return [tuple(row) for row in read(self._statement, parameters)]
        compiled = self._compiled.get(engine.name)
        if compiled is None:
            compiled = self._compiled[engine.name] = _compile(self._statement, engine)
        return _execute(
            engine, compiled.text, {**compiled.parameters, **(parameters or {})}
        )


def _engine() -> sa.Engine | None:
    """Return the engine of the app, ``None`` if its driver is not psycopg."""
    try:
        return current_app.extensions[_EXTENSION]
    except KeyError:
        engine = DB.engine if DB.engine.driver == "psycopg" else None
        return current_app.extensions.setdefault(_EXTENSION, engine)


def _has_listeners(engine: sa.Engine) -> bool:
    events = engine.dispatch
    return bool(
        events.before_cursor_execute
        or events.after_cursor_execute
        or events.before_execute
        or events.after_execute
    )


def _compile(statement: Any, engine: sa.Engine) -> _Compiled:
    compiled = statement.compile(engine)
    constants = {
        name: bind.value for name, bind in compiled.binds.items() if not bind.required
    }
    return _Compiled(str(compiled), constants)


def _execute(engine: sa.Engine, text: str, parameters: dict[str, Any]) -> Rows:
    """Return the rows of a statement that is a transaction of its own.

    Raises:
        sqlalchemy.exc.DBAPIError: whatever SQLAlchemy would raise.
    """
    errors = engine.dialect.loaded_dbapi.Error
    try:
        pooled = engine.raw_connection()
        try:
            return _fetch(pooled.dbapi_connection, text, parameters)
        except BaseException as err:
            pooled.invalidate(err)  # nobody knows in what state it is
            raise
        finally:
            pooled.close()
    except errors as err:
        raise DBAPIError.instance(
            text,
            parameters,
            err,
            errors,
            connection_invalidated=True,
            dialect=engine.dialect,
        ) from err


def _fetch(connection: Any, text: str, parameters: dict[str, Any]) -> Rows:
    was_autocommit = connection.autocommit
    connection.autocommit = True
    rows = connection.execute(text, parameters).fetchall()
    connection.autocommit = was_autocommit
    return rows
