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

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from flask import current_app
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.visitors import replacement_traverse

from .borrowing import BorrowedConnection, borrow
from .db import DB

if TYPE_CHECKING:
    from .prepared import PreparedStatements

_EXTENSION = "qhana-single-statements"
_PREPARED = "qhana-prepared"

# A server that is there says at once that it knows nothing of a connection.
_SUDDEN_SECONDS = 1.0

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
        return self._execute(engine, parameters, only_reads=True)[0]

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

    def start_write(self, parameters: Parameters) -> Callable[[], tuple[Rows, int]]:
        """Send a statement that writes, as :meth:`write` does, but do not wait for it.

        If it cannot be sent directly, it is executed when somebody waits for it.

        Args:
            parameters: values of its bind parameters.

        Returns:
            What waits for the end of the statement, and returns its rows (on PostgreSQL)
            and how many rows it changed. It must be called once, because a connection is
            taken until then, and raises what :meth:`write` raises.

        Raises:
            sqlalchemy.exc.DBAPIError: if the statement cannot be sent.
        """
        engine = single_statements()
        if engine is None:
            return lambda: ([], self.write(parameters))
        if not _sends_directly(engine):
            return lambda: self._execute(engine, parameters)
        exchange = self._exchange(engine, parameters)
        exchange.send()
        return exchange.answer

    def write_rows(self, parameters: Parameters) -> Rows:
        """Execute a statement that writes, commit it and return its rows.

        Args:
            parameters: values of its bind parameters.

        Raises:
            sqlalchemy.exc.DBAPIError: if the database refuses it.
            RuntimeError: on other databases than PostgreSQL.
        """
        engine = single_statements()
        if engine is None:
            raise RuntimeError("This database has no statements without a transaction.")
        return self._execute(engine, parameters)[0]

    def _execute(
        self,
        engine: sa.Engine,
        parameters: Parameters | None,
        *,
        only_reads: bool = False,
    ) -> tuple[Rows, int]:
        if not _sends_directly(engine):
            with engine.connect() as connection:
                result: Any = connection.execute(self.statement, parameters)
                rows = [tuple(row) for row in result] if result.returns_rows else []
                return rows, result.rowcount
        exchange = self._exchange(engine, parameters)
        return exchange.read() if only_reads else exchange.execute()

    def _exchange(self, engine: sa.Engine, parameters: Parameters | None) -> _Exchange:
        if self._compiled is None:
            self._compiled = _Compiled(self.statement, engine.dialect)
        values = self._compiled.values(parameters or {})
        return _Exchange(engine, self._compiled.text, values)


class _Compiled:
    """A statement in the words of PostgreSQL, with numbers for its parameters."""

    def __init__(self, statement: Any, dialect: Any) -> None:
        numbering = type(dialect)(paramstyle="numeric_dollar")

        def write_out(element: Any, **_options: Any) -> Any:
            if isinstance(element, sa.BindParameter) and not element.required:
                return _written_out(element, numbering)
            return None

        written: Any = replacement_traverse(statement, {}, write_out)
        compiled = written.compile(dialect=numbering)
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


def _written_out(
    constant: sa.BindParameter[Any], dialect: Any
) -> sa.ColumnElement[Any] | None:
    """Return a constant as a part of the text, so that no execution sends it.

    Returns:
        ``None`` if its type has no text.
    """
    if constant.value is None:
        return sa.null()
    # Values of an update get their type when they are compiled.
    is_typed = not isinstance(constant.type, sa.types.NullType)
    type_ = constant.type if is_typed else sa.literal(constant.value).type
    process: Any = type_.dialect_impl(dialect).literal_processor(dialect)
    return process and sa.literal_column(process(constant.value), type_)


def _sends_directly(engine: sa.Engine) -> bool:
    events = engine.dispatch
    return engine.driver == "psycopg" and not (
        events.before_cursor_execute
        or events.after_cursor_execute
        or events.before_execute
        or events.after_execute
    )


class _Exchange:
    """A statement that is sent on a connection of the pool, and its answer.

    All steps raise whatever SQLAlchemy would raise.
    """

    def __init__(self, engine: sa.Engine, text: str, values: list[Any]) -> None:
        self._engine, self._text, self._values = engine, text, values
        self._pooled: Any = None
        self._prepared: Any = None

    def send(self) -> None:
        """Take a connection and send the statement."""
        try:
            self._take()
            self._prepared.send(self._text, self._values)
        except BaseException as err:
            self._give_back(err)
            raise

    def answer(self) -> tuple[Rows, int]:
        """Wait for the answer to what was sent, and give the connection back."""
        try:
            answer: tuple[Rows, int] = self._prepared.answer(self._text, self._values)
        except BaseException as err:
            self._give_back(err)
            raise
        self._pooled.close()
        return answer

    def execute(self) -> tuple[Rows, int]:
        """Execute the statement."""
        return self._execute()

    def read(self) -> tuple[Rows, int]:
        """Execute a statement that only reads.

        Whether the connection still works need not be known before: if it has been lost,
        the statement is executed again on another; not if that took so long that the
        network must be down.
        """
        start = time.monotonic()
        try:
            return self._execute(may_be_lost=True)
        except DBAPIError as err:
            is_sudden = time.monotonic() - start < _SUDDEN_SECONDS
            if not (err.connection_invalidated and is_sudden and self._was_lost()):
                raise
        self._pooled = self._prepared = None
        return self._execute()

    def _was_lost(self) -> bool:
        """Return whether there was a connection, and another may do better."""
        return self._prepared is not None and not self._prepared.has_given_up

    def _execute(self, *, may_be_lost: bool = False) -> tuple[Rows, int]:
        try:
            self._take(may_be_lost=may_be_lost)
            answer: tuple[Rows, int] = self._prepared.execute(self._text, self._values)
        except BaseException as err:
            self._give_back(err)
            raise
        self._pooled.close()
        return answer

    def _take(self, *, may_be_lost: bool = False) -> None:
        self._pooled = borrow(self._engine, may_be_lost=may_be_lost)
        self._prepared = _prepared_statements(self._pooled)

    def _give_back(self, error: BaseException) -> None:
        """Give the connection back after an error, which is raised as SQLAlchemy's."""
        errors = self._engine.dialect.loaded_dbapi.Error
        is_of_driver = isinstance(error, errors)
        is_usable = (
            is_of_driver and self._prepared is not None and self._prepared.is_usable()
        )
        if self._pooled is not None:
            if not is_usable:
                self._pooled.invalidate(error)  # nobody knows in what state it is
            self._pooled.close()
        if is_of_driver:
            raise DBAPIError.instance(
                self._text,
                self._values,
                error,
                errors,
                connection_invalidated=not is_usable,
                dialect=self._engine.dialect,
            ) from error


def _prepared_statements(
    pooled: BorrowedConnection | sa.PoolProxiedConnection,
) -> PreparedStatements:
    prepared = pooled.info.get(_PREPARED)
    if prepared is None:
        from .prepared import PreparedStatements  # needs psycopg, which is optional

        prepared = pooled.info[_PREPARED] = PreparedStatements(pooled.dbapi_connection)
    return prepared
