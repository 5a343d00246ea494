# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Reading with as few round trips to the database server as possible.

What only reads needs no transaction; on PostgreSQL its begin and end are round trips.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from flask import current_app

from .db import DB

_EXTENSION = "qhana-reading-engine"


def read(
    statement: sa.Select[Any] | sa.CompoundSelect[Any],
    parameters: Mapping[str, Any] | None = None,
) -> Sequence[sa.Row[Any]]:
    """Return the rows of one statement that only reads.

    It does not see what the session of the caller has not committed (on PostgreSQL).

    Args:
        statement: is best built once, so that it is compiled once.
        parameters: values of its bind parameters.
    """
    engine = _engine()
    if engine is None:
        return DB.session.execute(statement, parameters).all()
    with engine.connect() as connection:
        return connection.execute(statement, parameters).all()


def _engine() -> sa.Engine | None:
    """Return the engine without transactions, ``None`` where it gains nothing."""
    engine = current_app.extensions.get(_EXTENSION)
    if engine is not None:
        return engine
    if DB.engine.dialect.name != "postgresql":
        return None
    engine = DB.engine.execution_options(isolation_level="AUTOCOMMIT")
    return current_app.extensions.setdefault(_EXTENSION, engine)
