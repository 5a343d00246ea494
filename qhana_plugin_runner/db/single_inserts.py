# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Storing one new row, which is what nearly every commit of a request or task does.

The unit of work of the session sorts what depends on what; for a single row it costs more
than the database does. On PostgreSQL a commit also waits for the disk. That wait is left
out if a later commit of the same request or task waits anyway: the write-ahead log is
flushed in its order, so what was committed before reaches the disk no later.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from flask import Flask, Request, Response, g, has_request_context
from sqlalchemy.orm import Session, make_transient_to_detached
from sqlalchemy.orm.attributes import instance_state, set_committed_value

from ..util.current import this_context
from ..util.request_hooks import request_hooks
from .db import DB
from .single_statements import SingleStatement, single_statements

_TASK = "qhana_outcome_follows"
_UNFLUSHED = "qhana_unflushed"
_HAS_BEGUN = "qhana_has_begun"

# Holds for the transaction of the statement only.
_WITHOUT_WAITING = sa.func.set_config("synchronous_commit", "off", sa.true())

# A message is part of the write-ahead log and nothing else: its commit flushes the log.
_FLUSH = SingleStatement(
    sa.select(sa.cast(sa.func.pg_logical_emit_message(sa.true(), "qhana", ""), sa.Text()))
)


def init_app(app: Flask) -> None:
    """Let no request be answered before what it stored is on the disk."""
    request_hooks(app).after(_flush_before_answer)


def outcome_follows() -> None:
    """Say that the outcome of a task will be committed in this application context."""
    g.setdefault(_TASK, True)


def flushed() -> None:
    """Say that something was committed that waited for the disk."""
    g.pop(_UNFLUSHED, None)


def insert_alone(row: Any) -> bool:
    """Insert a new row and commit, in one statement if the session has nothing to do.

    The row has no related rows. Its session does what it does after each commit.

    Args:
        row: an object of a mapped class whose key is the column ``id``.

    Returns:
        False if nothing was done: the session must store the row.
    """
    if not has_single_inserts() or not _is_idle(DB.session()) or not _is_new(row):
        return False
    values = _values(row)
    ((id_, *_),) = _insert_of(row, values).write_rows(values)
    _adopt(row, id_)
    DB.session.commit()
    return True


def has_single_inserts() -> bool:
    """Return whether the database is one where :func:`insert_with_session` works."""
    return single_statements() is not None


def insert_with_session(row: Any) -> None:
    """Insert a new row in the transaction of the session, which has no other changes.

    It remains to commit the session; see :func:`insert_alone` for the rest.
    """
    values = _values(row)
    statement = _insert_of(row, values).statement
    id_ = DB.session.connection().execute(statement, values).scalars().one()
    _adopt(row, id_)


def _is_idle(session: Session) -> bool:
    """Tell whether a session has neither a transaction in the database nor changes."""
    has_changes = session.new or session.dirty or session.deleted
    return not (session.info.get(_HAS_BEGUN) or has_changes)


@sa.event.listens_for(DB.session, "after_begin")
def _note_begin(session: Session, _transaction: Any, _connection: Any) -> None:
    session.info[_HAS_BEGUN] = True


@sa.event.listens_for(DB.session, "after_transaction_end")
def _note_end(session: Session, transaction: Any) -> None:
    if transaction.parent is None:
        session.info.pop(_HAS_BEGUN, None)


def _is_new(row: Any) -> bool:
    return instance_state(row).transient and instance_state(row).dict.get("id") is None


def _insert_of(row: Any, values: dict[str, Any]) -> SingleStatement:
    table = instance_state(row).mapper.local_table
    return _insert(table, tuple(values), _may_be_flushed_later())


def _values(row: Any) -> dict[str, Any]:
    state = instance_state(row)
    return {
        attribute.columns[0].key: state.dict[attribute.key]
        for attribute in state.mapper.column_attrs
        if attribute.key != "id" and attribute.key in state.dict
    }


def _may_be_flushed_later() -> bool:
    if has_request_context():
        setattr(g, _UNFLUSHED, True)
        return True
    return bool(g.get(_TASK))


@lru_cache(maxsize=64)
def _insert(table: Any, names: tuple[str, ...], flushed_later: bool) -> SingleStatement:
    columns = {name: sa.bindparam(name, type_=table.c[name].type) for name in names}
    results = [table.c.id, *([_WITHOUT_WAITING] if flushed_later else [])]
    return SingleStatement(sa.insert(table).values(columns).returning(*results))


def _adopt(row: Any, id_: int) -> None:
    """Make the session take the row for one that it has loaded."""
    set_committed_value(row, "id", id_)
    make_transient_to_detached(row)
    DB.session.add(row)


def _flush_before_answer(_app: Flask, _request: Request, _response: Response) -> None:
    if this_context().pop(_UNFLUSHED, False):
        _FLUSH.write_rows({})
