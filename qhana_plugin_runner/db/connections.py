# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Whether a pooled connection still works, without asking the server each time.

SQLAlchemy's ``pool_pre_ping`` sends a statement before every use of a connection. An idle
PostgreSQL server sends nothing, except when it closes the connection: looking whether
there is something to read tells the same and costs no round trip.
"""

from __future__ import annotations

import os
import select
import threading
import time
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.pool import ConnectionPoolEntry

from .pool import NestingPool

#: A connection that was idle for longer (seconds) is asked all the same: a network can
#: lose it without a word.
TRUSTED_SECONDS = 20.0

_IDLE_SINCE = "qhana-idle-since"
_POLL = "qhana-poll"


class BorrowedConnection:
    """A connection of a pool without what SQLAlchemy puts around it.

    It knows as much of a ``PoolProxiedConnection`` as a single statement needs. Nothing
    is rolled back when it is given back: its user has seen the end of each statement.

    Attributes:
        dbapi_connection: the connection of the driver.
        info: whatever its users keep as long as it is connected.
    """

    def __init__(self, pool: NestingPool, record: ConnectionPoolEntry) -> None:
        self._pool: NestingPool | None = pool
        self._process = os.getpid()
        self._record = record
        self.dbapi_connection: Any = record.dbapi_connection
        self.info = record.info

    def invalidate(self, error: BaseException | None = None) -> None:
        """Close the connection; the next user of its place in the pool gets another."""
        self._record.invalidate(error)

    def close(self) -> None:
        """Give the connection back."""
        pool, self._pool = self._pool, None
        if pool is not None:
            _note_time(self.dbapi_connection, self._record)
            pool.put(self._record)

    def __del__(self) -> None:
        # Nobody knows in what state it is. A child process has only inherited it.
        if self._pool is not None and self._process == os.getpid():
            self.invalidate()
            self.close()


def borrow(engine: sa.Engine) -> BorrowedConnection | sa.PoolProxiedConnection:
    """Take a connection that is neither within a transaction nor begins one.

    What SQLAlchemy does around it costs as much as a statement. Only if the connection
    looks broken, or the pool is not the runner's, it is SQLAlchemy that takes one.

    Args:
        engine: one that :func:`check_before_use` looks after.

    Raises:
        Exception: what the driver raises if it cannot connect.
        sqlalchemy.exc.TimeoutError: if the pool has none to spare.
    """
    pool = engine.pool
    if isinstance(pool, NestingPool):
        record: Any = pool.take()
        try:
            connection = record.get_connection()
            is_quiet = _is_quiet(connection, record)
        except BaseException:
            pool.put(record)
            raise
        if is_quiet:
            _USES.count += 1
            return BorrowedConnection(pool, record)
        pool.put(record)
    return engine.raw_connection()


class _Uses(threading.local):
    count = 0


_USES = _Uses()


def uses_of_thread() -> int:
    """Return how often the current thread has taken a connection from a pool.

    Only connections of engines that :func:`check_before_use` looks after count.
    """
    return _USES.count


def check_before_use(engine: sa.Engine) -> None:
    """Replace broken connections of an engine when they are taken from its pool.

    Args:
        engine: one of psycopg, whose connections tell their socket.
    """

    def check(connection: Any, record: Any, _fairy: Any) -> None:
        _USES.count += 1
        try:
            if not _is_quiet(connection, record):
                engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as err:
            raise InvalidatePoolError("The server has closed the connection.") from err

    sa.event.listen(engine, "checkin", _note_time)
    sa.event.listen(engine, "checkout", check)


def _note_time(_connection: Any, record: Any) -> None:
    record.info[_IDLE_SINCE] = time.monotonic()


def _is_quiet(connection: Any, record: Any) -> bool:
    """Tell whether nothing came from the server since the last use, not long ago."""
    if connection.closed:
        return False
    idle_since = record.info.get(_IDLE_SINCE)
    if idle_since is None:
        return True  # a new connection
    poll = record.info.get(_POLL)
    if poll is None:
        poll = record.info[_POLL] = select.poll()
        poll.register(connection.fileno(), select.POLLIN)
    return not poll.poll(0) and time.monotonic() - idle_since <= TRUSTED_SECONDS
