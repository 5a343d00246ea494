# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Connections to PostgreSQL that give a server up that has stopped answering.

``statement_timeout`` is watched by the server and ``tcp_user_timeout`` by the network: a
process that is stopped, or a proxy that holds everything back, breaks neither.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any

import sqlalchemy as sa

# More than the server's own limit, so that its error comes first if it can.
_GRACE_SECONDS = 1.0


def watch_answers(engine: sa.Engine, seconds: float) -> None:
    """Let the connections of an engine fail if an answer takes longer.

    Args:
        engine: an engine that uses psycopg.
        seconds: the limit of the server itself.
    """
    import psycopg  # optional, like every driver

    class WatchedConnection(psycopg.Connection[Any]):
        """A connection whose answers have a time-out on this side as well."""

        answer_seconds = seconds + _GRACE_SECONDS

        def wait(self, gen: Any, *args: Any, **kwargs: Any) -> Any:
            watched = _watched(gen, self.answer_seconds, self.give_up)
            return super().wait(watched, *args, **kwargs)

        def rollback(self) -> None:
            if self.pgconn.transaction_status != psycopg.pq.TransactionStatus.IDLE:
                super().rollback()  # else there is nothing, as often when a pool asks

        def give_up(self) -> Exception:
            """Close the connection, and return the error to raise."""
            self.pgconn.finish()
            return psycopg.OperationalError("the server has stopped answering")

    @sa.event.listens_for(engine, "do_connect")
    def connect(
        _dialect: Any, _record: Any, arguments: list[Any], keywords: dict[str, Any]
    ) -> Any:
        return WatchedConnection.connect(*arguments, **keywords)


def _watched(gen: Any, seconds: float, give_up: Any) -> Generator[Any, Any, Any]:
    """Do what the generator does; give up if nothing arrives for so many seconds.

    psycopg sends a false value into its generators when nothing was ready for a moment.
    """
    deadline = time.monotonic() + seconds
    ready = None
    while True:
        try:
            wanted = gen.send(ready)
        except StopIteration as end:
            return end.value
        ready = yield wanted
        now = time.monotonic()
        if ready:
            deadline = now + seconds
        elif now > deadline:
            raise give_up()
