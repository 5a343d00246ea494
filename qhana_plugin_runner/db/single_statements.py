# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Single statements, with as few round trips to the database server as possible.

One statement is a transaction of its own. On PostgreSQL the begin and the end of a
transaction are round trips, so there these statements run without one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from flask import current_app

from .db import DB

_EXTENSION = "qhana-single-statements"

Parameters = Mapping[str, Any]


def single_statements() -> sa.Engine | None:
    """Return the engine that runs statements without transactions.

    Returns:
        ``None`` on databases where that gains nothing.
    """
    engine = current_app.extensions.get(_EXTENSION)
    if engine is not None:
        return engine
    if DB.engine.dialect.name != "postgresql":
        return None
    engine = DB.engine.execution_options(isolation_level="AUTOCOMMIT")
    return current_app.extensions.setdefault(_EXTENSION, engine)


def read(
    statement: sa.Select[Any] | sa.CompoundSelect[Any],
    parameters: Parameters | None = None,
) -> Sequence[sa.Row[Any]]:
    """Return the rows of one statement that only reads.

    It does not see what the session of the caller has not committed (on PostgreSQL).

    Args:
        statement: is best built once, so that it is compiled once.
        parameters: values of its bind parameters.
    """
    engine = single_statements()
    if engine is None:
        return DB.session.execute(statement, parameters).all()
    with engine.connect() as connection:
        return connection.execute(statement, parameters).all()


def write(statement: sa.Update | sa.Insert, parameters: Parameters) -> int:
    """Execute one statement that writes, and commit it.

    The session of the caller must have nothing to commit: elsewhere than on PostgreSQL
    that would be committed, too.

    Args:
        statement: is best built once.
        parameters: values of its bind parameters.

    Returns:
        The number of rows that it changed.
    """
    engine = single_statements()
    result: Any
    if engine is None:
        options = {"synchronize_session": False}
        result = DB.session.execute(statement, parameters, execution_options=options)
        changed = result.rowcount
        DB.session.commit()
        return changed
    with engine.connect() as connection:
        return connection.execute(statement, parameters).rowcount
