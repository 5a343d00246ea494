# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Connections of the pool for single statements, at less than SQLAlchemy's price."""

from __future__ import annotations

import os
from typing import Any

import sqlalchemy as sa
from sqlalchemy.pool import ConnectionPoolEntry

from .connections import is_quiet, note_return, note_use, was_used_lately
from .pool import NestingPool


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
            note_return(self.dbapi_connection, self._record)
            pool.put(self._record)

    def __del__(self) -> None:
        # Nobody knows in what state it is. A child process has only inherited it.
        if self._pool is not None and self._process == os.getpid():
            self.invalidate()
            self.close()


def borrow(
    engine: sa.Engine, *, may_be_lost: bool = False
) -> BorrowedConnection | sa.PoolProxiedConnection:
    """Take a connection that is neither within a transaction nor begins one.

    What SQLAlchemy does around it costs as much as a statement. Only if the connection
    looks broken, or the pool is not the runner's, it is SQLAlchemy that takes one.

    Args:
        engine: one that :func:`.connections.check_before_use` looks after.
        may_be_lost: not to look whether a connection still works that did a moment ago.

    Raises:
        Exception: what the driver raises if it cannot connect.
        sqlalchemy.exc.TimeoutError: if the pool has none to spare.
    """
    pool = engine.pool
    if isinstance(pool, NestingPool):
        record: Any = pool.take()
        try:
            connection = record.get_connection()
            is_trusted = was_used_lately if may_be_lost else is_quiet
            can_be_trusted = is_trusted(connection, record)
        except BaseException:
            pool.put(record)
            raise
        if can_be_trusted:
            note_use()
            return BorrowedConnection(pool, record)
        pool.put(record)
    return engine.raw_connection()
