# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Prepared statements of PostgreSQL, sent with the client library below psycopg.

A cursor of psycopg executes any statement in any format; for a statement that is known
beforehand this costs five times as much CPU time as sending it. What a statement returns
is converted by psycopg, as ever.
"""

from __future__ import annotations

import select
import threading
from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg import errors, pq
from psycopg.adapt import PyFormat, Transformer

from .answer_watch import ANSWER_WATCH, WatchedSocket

_MILLISECONDS = 1000  # in a second

# Statements say what their integers are, which psycopg decides for each value.
_INTEGERS = frozenset(
    psycopg.postgres.types[kind].oid for kind in ("int2", "int4", "int8")
)

_GOOD = (pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK)

# A table has changed, or somebody has discarded all. Nothing was executed.
_UNPREPARED = (errors.FeatureNotSupported, errors.InvalidSqlStatementName)


class PreparedStatements:
    """What one connection has prepared.

    Args:
        connection: a connection of psycopg that is not within a transaction. Nobody else
            uses it while a statement runs.

    Attributes:
        has_given_up: whether the server has stopped answering.
    """

    def __init__(self, connection: Any) -> None:
        self.has_given_up = False
        self._connection = connection
        self._transformer = Transformer(connection)
        self._names: dict[tuple[str, tuple[int, ...]], bytes] = {}
        self._count = 0
        self._poll = select.poll()
        self._polled = select.POLLIN
        self._poll.register(connection.fileno(), self._polled)
        self._socket = WatchedSocket(connection.fileno())

    def execute(
        self, text: str, values: Sequence[Any]
    ) -> tuple[list[tuple[Any, ...]], int]:
        """Send a statement as a transaction of its own, and wait for its answer.

        Args:
            text: the SQL, with ``$1``, ``$2``, … for the values.
            values: the values.

        Returns:
            The rows, and how many rows were returned or changed.

        Raises:
            psycopg.Error: if the server refuses it or does not answer in time.
        """
        if threading.get_ident() == threading.main_thread().ident:
            # Signals arrive here, and are looked at between two calls of the library.
            self.send(text, values)
            return self.answer(text, values)
        try:
            return self._execute(text, values)
        except _UNPREPARED:
            self._names.clear()
            return self._execute(text, values)

    def _execute(
        self, text: str, values: Sequence[Any]
    ) -> tuple[list[tuple[Any, ...]], int]:
        dumped, types = self._dumped(values)
        server = self._connection.pgconn
        name = self._name_of(text, types)
        limit = getattr(self._connection, "answer_seconds", None)
        call = None if limit is None else ANSWER_WATCH.begin(self._socket, limit)
        try:
            if name is None:
                result = server.exec_params(text.encode(), dumped, param_types=types)
            else:
                result = server.exec_prepared(name, dumped)
        finally:
            was_in_time = call is None or ANSWER_WATCH.end(call)
        if not was_in_time:
            raise self._give_up()
        return self._rows(self._checked(result))

    def send(self, text: str, values: Sequence[Any]) -> None:
        """Send a statement as a transaction of its own; :meth:`answer` comes next.

        Args:
            text: the SQL, with ``$1``, ``$2``, … for the values.
            values: the values.

        Raises:
            psycopg.Error: if the statement cannot be sent.
        """
        dumped, types = self._dumped(values)
        server = self._connection.pgconn
        name = self._name_of(text, types)
        if name is None:
            server.send_query_params(text.encode(), dumped, param_types=types)
        else:
            server.send_query_prepared(name, dumped)

    def answer(
        self, text: str, values: Sequence[Any]
    ) -> tuple[list[tuple[Any, ...]], int]:
        """Wait for the answer to the statement that was sent.

        Args:
            text: what was sent; it is sent again if it must be prepared anew.
            values: its values.

        Returns:
            The rows, and how many rows were returned or changed.

        Raises:
            psycopg.Error: if the server refuses it or does not answer in time.
        """
        try:
            return self._rows(self._answer())
        except _UNPREPARED:
            self._names.clear()
            self.send(text, values)
            return self._rows(self._answer())

    def is_usable(self) -> bool:
        """Return whether the connection waits for its next statement."""
        status = self._connection.pgconn.transaction_status
        return bool(status == pq.TransactionStatus.IDLE)

    def _dumped(self, values: Sequence[Any]) -> tuple[Sequence[Any], tuple[int, ...]]:
        """Return the values as the server gets them, and their types."""
        formats = [PyFormat.TEXT] * len(values)
        dumped = self._transformer.dump_sequence(values, formats)
        kinds = self._transformer.types or ()
        return dumped, tuple([0 if kind in _INTEGERS else kind for kind in kinds])

    def _rows(self, result: Any) -> tuple[list[tuple[Any, ...]], int]:
        self._transformer.set_pgresult(result)
        rows = self._transformer.load_rows(0, result.ntuples, tuple)
        return rows, result.command_tuples or 0

    def _name_of(self, text: str, types: tuple[int, ...]) -> bytes | None:
        """Return the name of a statement, prepared at its first use.

        Returns:
            ``None`` if nothing is to be prepared (behind a pooler of connections).
        """
        if self._connection.prepare_threshold is None:
            return None
        name = self._names.get((text, types))
        if name is None:
            self._count += 1
            name = f"qhana_{self._count}".encode()
            self._connection.pgconn.send_prepare(name, text.encode(), types)
            self._answer()
            self._names[text, types] = name
        return name

    def _answer(self) -> Any:
        """Return what the server answers to the one thing that was sent.

        Raises:
            psycopg.Error: if it is an error, or does not come.
        """
        server = self._connection.pgconn
        while server.flush():  # long values: the socket takes them bit by bit
            self._wait(select.POLLIN | select.POLLOUT)
            server.consume_input()
        result = self._next_result()
        try:
            while self._next_result() is not None:
                pass  # the end of the answer
        except errors.OperationalError:
            if result.status in _GOOD:
                raise
            # It was closed behind its last words, which say why.
        return self._checked(result)

    def _next_result(self) -> Any:
        server = self._connection.pgconn
        while server.is_busy():
            self._wait(select.POLLIN)
            server.consume_input()
        return server.get_result()

    def _wait(self, events: int) -> None:
        if events != self._polled:
            self._poll.modify(self._connection.fileno(), events)
            self._polled = events
        limit = getattr(self._connection, "answer_seconds", None)
        milliseconds = None if limit is None else limit * _MILLISECONDS
        if not self._poll.poll(milliseconds):
            raise self._give_up()

    def _give_up(self) -> Exception:
        self.has_given_up = True
        return self._connection.give_up()

    def _checked(self, result: Any) -> Any:
        """Return what the server has answered.

        Raises:
            psycopg.Error: if that is an error.
        """
        if result.status in _GOOD:
            return result
        error = errors.error_from_result(result)
        if error.sqlstate is None and self._connection.closed:
            raise errors.OperationalError(*error.args)  # the library found it closed
        raise error
