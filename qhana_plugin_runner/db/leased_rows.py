# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Rows that are asked for all the time and hardly ever change, kept for a moment.

A process uses what it has read for 50 ms. Whoever commits a change through the session
goes on 50 ms later: nobody who can know of the change gets the old rows, from whichever
process on whichever machine. Changes that the session does not tell of (its ``bulk_``
methods, statements on a connection, a console of the database) are seen 50 ms late.
"""

from __future__ import annotations

import threading
import time
from typing import Any

import sqlalchemy as sa
from flask import current_app, has_app_context
from sqlalchemy.orm import object_session

from .db import DB
from .single_statements import Rows, SingleStatement

#: How long rows are used: for hundreds of requests to a busy server.
LEASE_SECONDS = 0.05

_EXTENSION = "qhana-leased-rows"
_CHANGED = "qhana_leased_rows_changed"
_INTERRUPTED = "qhana_leased_rows_interrupted"

_Kept = dict["LeasedRows", tuple[float, Rows]]


class LeasedRows:
    """The rows of one statement.

    Args:
        model: the mapped class of the only table that the statement reads.
        statement: has no parameters.
    """

    def __init__(self, model: type[Any], statement: SingleStatement) -> None:
        self._statement = statement
        self._reading = threading.Lock()
        table: sa.Table = sa.inspect(model).local_table
        self._table = table.name
        for name in ("after_create", "after_drop"):
            sa.event.listen(table, name, self._forget_rows)
        for name in ("after_insert", "after_update", "after_delete"):
            sa.event.listen(model, name, self._note_object)
        sa.event.listen(DB.session, "do_orm_execute", self._note_statement)
        sa.event.listen(DB.session, "after_rollback", self._forget_changes)
        # Messages that wait for the commit leave after the wait: workers ask, too.
        sa.event.listen(DB.session, "after_commit", self._wait_for_readers, insert=True)
        sa.event.listen(DB.session, "after_transaction_end", self._raise_interruption)

    def rows(self) -> Rows:
        """Return the rows; they belong to everybody, so nobody changes them.

        Raises:
            sqlalchemy.exc.DBAPIError: if the database refuses the statement.
        """
        kept = self._kept()
        rows = self._leased(kept)
        if rows is None:
            # All threads find out at once that a lease is over. One of them reads, unless
            # the database is slow.
            is_reader = self._reading.acquire(timeout=LEASE_SECONDS)
            try:
                rows = self._leased(kept)
                if rows is None:
                    rows = self._read(kept)
            finally:
                if is_reader:
                    self._reading.release()
        return rows

    def _leased(self, kept: _Kept) -> Rows | None:
        lease = kept.get(self)
        return lease[1] if lease is not None and time.monotonic() < lease[0] else None

    def _read(self, kept: _Kept) -> Rows:
        # What a transaction sees may be older than the statement.
        is_kept = not (DB.session.registry.has() and DB.session().in_transaction())
        end = time.monotonic() + LEASE_SECONDS
        rows = self._statement.rows()
        if is_kept:
            kept[self] = end, rows
        return rows

    def _kept(self) -> _Kept:
        return current_app.extensions.setdefault(_EXTENSION, {})

    def _forget_rows(self, *_args: Any, **_kwargs: Any) -> None:
        if has_app_context():
            self._kept().pop(self, None)

    def _note_object(self, _mapper: Any, _connection: Any, row: Any) -> None:
        self._note_change(object_session(row))

    def _note_statement(self, state: Any) -> None:
        statement = state.statement
        if isinstance(statement, sa.TextClause):
            is_change = self._table.lower() in statement.text.lower()
        else:  # only changes have the one table
            table = getattr(statement, "table", None)
            is_change = getattr(table, "name", None) == self._table
        if is_change:
            self._note_change(state.session)

    def _note_change(self, session: Any) -> None:
        session.info[_CHANGED] = True

    def _forget_changes(self, session: Any) -> None:
        if not session.in_nested_transaction():  # what a savepoint undoes is not all
            session.info.pop(_CHANGED, None)

    def _wait_for_readers(self, session: Any) -> None:
        if not session.in_nested_transaction() and session.info.pop(_CHANGED, False):
            try:
                time.sleep(LEASE_SECONDS)
            except BaseException as err:
                # A time limit of Celery, for instance: here it would break the session.
                session.info[_INTERRUPTED] = err

    def _raise_interruption(self, session: Any, transaction: Any) -> None:
        if transaction.parent is None and _INTERRUPTED in session.info:
            raise session.info.pop(_INTERRUPTED)
