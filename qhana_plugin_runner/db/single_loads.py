# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Loading one row by its id, which is how nearly every task and step begins.

The session begins a transaction for it, whose begin and end are round trips of their
own, and puts the object together by way of a query: both cost more than the row. On
PostgreSQL the row is read by a single statement, and the session takes it for one that it
has loaded. What comes next begins the transaction, if anything comes.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.orm import make_transient_to_detached
from sqlalchemy.orm.attributes import instance_state
from sqlalchemy.orm.util import identity_key

from .db import DB
from .single_statements import SingleStatement, sends_directly

Row = TypeVar("Row")


def load_row(model: type[Row], id_: Any) -> Row | None:
    """Return the row with an id, as ``Session.get()`` does.

    Args:
        model: a mapped class whose key is the integer column ``id``.
        id_: the key.
    """
    session = DB.session()
    if (
        type(id_) is not int
        or session.in_transaction()
        or not sends_directly()
        or identity_key(model, id_) in session.identity_map
    ):
        return session.get(model, id_)
    loader: _Loader = _loader(model)  # type: ignore[arg-type]
    rows = loader.statement.rows({"id": id_})
    if not rows:
        return None
    row = loader.object_of(rows[0])
    session.add(row)
    loader.tell_of(row)
    return row


class _Loader:
    """The statement of a class, and how its columns become attributes."""

    def __init__(self, model: type[Any]) -> None:
        self._mapper = sa.inspect(model)
        attributes = [
            attribute for attribute in self._mapper.column_attrs if not attribute.deferred
        ]
        columns = [attribute.columns[0] for attribute in attributes]
        self._attributes = [
            (attribute.key, _processor(column))
            for attribute, column in zip(attributes, columns, strict=True)
        ]
        id_ = self._mapper.local_table.c.id
        query = sa.select(*columns).where(id_ == sa.bindparam("id", type_=sa.Integer()))
        self.statement = SingleStatement(query)

    def object_of(self, values: tuple[Any, ...]) -> Any:
        """Return a detached object with what the driver has returned."""
        row = self._mapper.class_manager.new_instance()
        state = instance_state(row)
        for (key, process), value in zip(self._attributes, values, strict=True):
            state.dict[key] = value if process is None else process(value)
        make_transient_to_detached(row)
        return row

    def tell_of(self, row: Any) -> None:
        """Tell those that listen to loaded objects, as values that note changes do."""
        self._mapper.class_manager.dispatch.load(instance_state(row), None)


@lru_cache(maxsize=32)
def _loader(model: type[Any]) -> _Loader:
    return _Loader(model)


def _processor(column: sa.Column[Any]) -> Callable[[Any], Any] | None:
    """Return what makes a value of the driver one of the column's type."""
    if not isinstance(column.type, sa.TypeDecorator):
        return None  # the driver knows these
    dialect = DB.engine.dialect
    return column.type.dialect_impl(dialect).result_processor(dialect, None)
