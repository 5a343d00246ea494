# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Takes back what was written outside the database if its row is never committed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import Session

_KEY = "qhana-undo"


def undo_unless_committed(session: Session, undo: Callable[[], None]) -> None:
    """Call ``undo`` when the session's current transaction ends without a commit.

    Args:
        session: the session that holds the row.
        undo: must not raise and must not use the session.
    """
    if _KEY not in session.info:
        session.info[_KEY] = []
        event.listen(session, "after_commit", _forget)
        event.listen(session, "after_transaction_end", _undo)
    session.connection()  # a transaction must have begun, so that it can end
    session.info[_KEY].append(undo)


def _forget(session: Session) -> None:
    if not session.in_nested_transaction():
        session.info[_KEY].clear()


def _undo(session: Session, transaction: Any) -> None:
    if transaction.parent is not None:
        return
    pending, session.info[_KEY] = session.info[_KEY], []
    for undo in pending:
        undo()
