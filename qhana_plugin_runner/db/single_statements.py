# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Single statements: built and compiled once, executed often, each a transaction.

On PostgreSQL the begin and the end of a transaction are round trips, and SQLAlchemy costs
more than the database. So there a statement is prepared and sent on a pooled connection,
see ``prepared``. Whoever listens to the statements of the engine (tracing, tests) gets to
see them as ever: then SQLAlchemy executes them. On other databases they are part of the
session's transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from flask import current_app
from sqlalchemy.exc import DBAPIError

from .db import DB

if TYPE_CHECKING:
    from .prepared import PreparedStatements

_EXTENSION = "qhana-single-statements"
_PREPARED = "qhana-prepared"

Parameters = Mapping[str, Any]
Rows = list[tuple[Any, ...]]


def single_statements() -> sa.Engine | None:
    """Return the engine that runs statements without transactions.

    Returns:
        ``None`` on databases where that gains nothing.
    """
    engine = current_app.extensions.get(_EXTENSION)
    if engine is not None:
        return engine
    if DB.engine.dialect.name != "postgresql":
        return None
    engine = DB.engine.execution_options(isolation_level="AUTOCOMMIT")
    return current_app.extensions.setdefault(_EXTENSION, engine)


def sends_directly() -> bool:
    """Return whether statements are sent without SQLAlchemy."""
    engine = single_statements()
    return engine is not None and _sends_directly(engine)


class SingleStatement:
    """One statement that is executed again and again.

    Args:
        statement: has neither lists nor limits as parameters. The columns that it returns
            are texts, numbers and times, which are the same with and without SQLAlchemy.

    Attributes:
        statement: for those who have a connection of their own.
    """

    def __init__(self, statement: sa.Executable) -> None:
        self.statement = statement
        self._compiled: _Compiled | None = None

    def rows(self, parameters: Parameters | None = None) -> Rows:
        """Return all rows of a statement that only reads.

        It does not see what the session of the caller has not committed (on PostgreSQL).

        Args:
            parameters: values of its bind parameters.

        Raises:
            sqlalchemy.exc.DBAPIError: if the database refuses it.
        """
        engine = single_statements()
        if engine is None:
            rows = DB.session.execute(self.statement, parameters)
            return [tuple(row) for row in rows]
        return self._execute(engine, parameters)[0]

    def write(self, parameters: Parameters) -> int:
        """Execute a statement that writes, and commit it.

        The session of the caller must have nothing to commit: elsewhere than on
        PostgreSQL that would be committed, too.

        Args:
            parameters: values of its bind parameters.

        Returns:
            The number of rows that it changed.

        Raises:
            sqlalchemy.exc.DBAPIError: if the database refuses it.
        """
        engine = single_statements()
        if engine is not None:
            return self._execute(engine, parameters)[1]
        options = {"synchronize_session": False}
        result: Any = DB.session.execute(
            self.statement, parameters, execution_options=options
        )
        changed = result.rowcount
        DB.session.commit()
        return changed

    def insert(self, parameters: Parameters) -> tuple[Any, ...]:
        """Insert one row, commit and return what the statement returns (PostgreSQL only).

        Args:
            parameters: values of its bind parameters.

        Raises:
            sqlalchemy.exc.DBAPIError: if the database refuses it.
            RuntimeError: on other databases.
        """
        engine = single_statements()
        if engine is None:
            raise RuntimeError("This database has no statements without a transaction.")
        (row,) = self._execute(engine, parameters)[0]
        return row

    def _execute(
        self, engine: sa.Engine, parameters: Parameters | None
    ) -> tuple[Rows, int]:
        if not _sends_directly(engine):
            with engine.connect() as connection:
                result: Any = connection.execute(self.statement, parameters)
                rows = [tuple(row) for row in result] if result.returns_rows else []
                return rows, result.rowcount
        if self._compiled is None:
            self._compiled = _Compiled(self.statement, engine.dialect)
        return _send(engine, self._compiled.text, self._compiled.values(parameters or {}))


class _Compiled:
    """A statement in the words of PostgreSQL, with numbers for its parameters."""

    def __init__(self, statement: Any, dialect: Any) -> None:
        numbering = type(dialect)(paramstyle="numeric_dollar")
        compiled = statement.compile(dialect=numbering)
        self.text = str(compiled)
        self._parameters: list[tuple[str, Any, Callable[[Any], Any] | None]] = []
        for name in compiled.positiontup or ():
            bind = compiled.binds[name]
            process = bind.type.dialect_impl(numbering).bind_processor(numbering)
            self._parameters.append((name, bind.value, process))

    def values(self, parameters: Parameters) -> list[Any]:
        """Return the values in the order of the numbers."""
        values = []
        for name, default, process in self._parameters:
            value = parameters.get(name, default)
            values.append(value if process is None else process(value))
        return values


def _sends_directly(engine: sa.Engine) -> bool:
    events = engine.dispatch
    return engine.driver == "psycopg" and not (
        events.before_cursor_execute
        or events.after_cursor_execute
        or events.before_execute
        or events.after_execute
    )


def _send(engine: sa.Engine, text: str, values: list[Any]) -> tuple[Rows, int]:
    """Send a statement on a connection of the pool.

    Raises:
        sqlalchemy.exc.DBAPIError: whatever SQLAlchemy would raise.
    """
    errors = engine.dialect.loaded_dbapi.Error
    is_broken = True
    try:
        pooled = engine.raw_connection()
        try:
            prepared = _prepared_statements(pooled)
            try:
                return prepared.execute(text, values)
            except errors:
                is_broken = not prepared.is_usable()
                raise
        except BaseException as err:
            if is_broken:
                pooled.invalidate(err)  # nobody knows in what state it is
            raise
        finally:
            pooled.close()
    except errors as err:
        raise DBAPIError.instance(
            text,
            values,
            err,
            errors,
            connection_invalidated=is_broken,
            dialect=engine.dialect,
        ) from err


def _prepared_statements(pooled: sa.PoolProxiedConnection) -> PreparedStatements:
    prepared = pooled.info.get(_PREPARED)
    if prepared is None:
        from .prepared import PreparedStatements  # needs psycopg, which is optional

        prepared = pooled.info[_PREPARED] = PreparedStatements(pooled.dbapi_connection)
    return prepared
