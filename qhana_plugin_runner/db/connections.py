# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Whether a pooled connection still works, without asking the server each time.

SQLAlchemy's ``pool_pre_ping`` sends a statement before every use of a connection. An idle
PostgreSQL server sends nothing, except when it closes the connection: reading what is
there tells the same and costs no round trip. The client library reads without letting
other threads of Python go first, which costs more than the reading.
"""

from __future__ import annotations

import time
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import InvalidatePoolError

#: A connection that was idle for longer (seconds) is asked all the same: a network can
#: lose it without a word.
TRUSTED_SECONDS = 20.0

_IDLE_SINCE = "qhana-idle-since"


def check_before_use(engine: sa.Engine) -> None:
    """Replace broken connections of an engine when they are taken from its pool.

    Args:
        engine: one of psycopg, whose connections show that of the client library.
    """

    def check(connection: Any, record: Any, _fairy: Any) -> None:
        idle_since = record.info.get(_IDLE_SINCE)
        if idle_since is None:
            return  # a new connection
        try:
            _read_what_is_there(connection.pgconn)
            if time.monotonic() - idle_since > TRUSTED_SECONDS:
                engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as err:
            raise InvalidatePoolError("The server has closed the connection.") from err

    sa.event.listen(engine, "checkin", _note_time)
    sa.event.listen(engine, "checkout", check)


def _note_time(_connection: Any, record: Any) -> None:
    record.info[_IDLE_SINCE] = time.monotonic()


def _read_what_is_there(server: Any) -> None:
    """Read from an idle connection.

    Raises:
        psycopg.OperationalError: if the server has closed it.
    """
    server.consume_input()  # the reason
    server.consume_input()  # the end behind it
