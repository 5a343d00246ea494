# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Whether a pooled connection still works, without asking the server each time.

SQLAlchemy's ``pool_pre_ping`` sends a statement before every use of a connection. An idle
PostgreSQL server sends nothing, except when it closes the connection: looking whether
there is something to read tells the same and costs no round trip.
"""

from __future__ import annotations

import select
import threading
import time
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import InvalidatePoolError

#: A connection that was idle for longer (seconds) is asked all the same: a network can
#: lose it without a word.
TRUSTED_SECONDS = 20.0

_IDLE_SINCE = "qhana-idle-since"
_POLL = "qhana-poll"


class _Uses(threading.local):
    count = 0


_USES = _Uses()


def note_use() -> None:
    """Count that the current thread takes a connection from a pool."""
    _USES.count += 1


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
        note_use()
        try:
            if not is_quiet(connection, record):
                engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as err:
            raise InvalidatePoolError("The server has closed the connection.") from err

    sa.event.listen(engine, "checkin", note_return)
    sa.event.listen(engine, "checkout", check)


def note_return(_connection: Any, record: Any) -> None:
    """Note when a connection goes back to its pool."""
    record.info[_IDLE_SINCE] = time.monotonic()


def was_used_lately(connection: Any, record: Any) -> bool:
    """Tell whether a connection worked not long ago, and is not closed on this side."""
    if connection.closed:
        return False
    idle_since = record.info.get(_IDLE_SINCE)
    if idle_since is None:
        return True  # a new connection
    return time.monotonic() - idle_since <= TRUSTED_SECONDS


def is_quiet(connection: Any, record: Any) -> bool:
    """Tell whether nothing came from the server since the last use, not long ago."""
    if not was_used_lately(connection, record):
        return False
    poll = record.info.get(_POLL)
    if poll is None:
        poll = record.info[_POLL] = select.poll()
        poll.register(connection.fileno(), select.POLLIN)
    return not poll.poll(0)
