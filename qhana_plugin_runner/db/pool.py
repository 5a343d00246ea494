# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""A pool of connections in which threads cannot wait for each other.

A request or task whose session has read something holds a connection. Sending a message,
noting the calls of webhooks and whatever else is committed by itself takes a second one.
If as many threads as there are connections do so at once, each waits for the others, and
all of them fail when the time is over.
"""

from __future__ import annotations

import threading
from typing import Any

from sqlalchemy.pool import ConnectionPoolEntry, QueuePool
from sqlalchemy.util.queue import Empty


class NestingPool(QueuePool):
    """A pool whose limit holds for the first connection of each thread.

    Whoever holds one already gets further ones at once, and gives them back first.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # The collector may give a forgotten connection back while another is taken.
        self._lock = threading.RLock()
        self._owners: dict[ConnectionPoolEntry, int] = {}
        self._held: dict[int, int] = {}

    def take(self) -> ConnectionPoolEntry:
        """Take the place of a connection; :meth:`put` must be called with it.

        Raises:
            sqlalchemy.exc.TimeoutError: if there is none to spare.
        """
        return self._do_get()

    def put(self, record: ConnectionPoolEntry) -> None:
        """Give a place back that :meth:`take` returned."""
        self._do_return_conn(record)

    def _do_get(self) -> ConnectionPoolEntry:
        thread = threading.get_ident()
        record = self._get_more() if thread in self._held else super()._do_get()
        with self._lock:
            if record not in self._owners:  # it calls itself if it must try again
                self._owners[record] = thread
                # The collector may change it between a call and a store.
                try:
                    self._held[thread] += 1
                except KeyError:
                    self._held[thread] = 1
        return record

    def _get_more(self) -> ConnectionPoolEntry:
        try:
            return self._pool.get(False)
        except Empty:
            pass
        with self._overflow_lock:
            self._overflow += 1
        try:
            return self._create_connection()
        except BaseException:
            self._dec_overflow()
            raise

    def _do_return_conn(self, record: ConnectionPoolEntry) -> None:
        with self._lock:
            thread = self._owners.pop(record, None)
            if thread is not None:
                self._held[thread] -= 1
                if not self._held[thread]:
                    del self._held[thread]
        super()._do_return_conn(record)
