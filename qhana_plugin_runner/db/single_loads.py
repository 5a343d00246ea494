# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Loading one row by its id, which is how nearly every task and step begins.

The session begins a transaction for it, whose begin and end are round trips of their
own, and puts the object together by way of a query: both cost more than the row. On
PostgreSQL the row is read by a single statement, and the session takes it for one that it
has loaded. What comes next begins the transaction, if anything comes.

A statement that has just changed the row can return it (:func:`note_row`); then even that
is left out.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

import sqlalchemy as sa
from flask import g
from sqlalchemy.orm import make_transient_to_detached
from sqlalchemy.orm.attributes import instance_state
from sqlalchemy.orm.util import identity_key

from .connections import uses_of_thread
from .db import DB
from .single_statements import SingleStatement, sends_directly

Row = TypeVar("Row")

#: A row counts for as long (seconds) as one that was just read. Whoever wants somebody
#: else to change it in between, and waits for that, needs longer.
NOTED_SECONDS = 0.002

_NOTED = "qhana_noted_row"


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
    values = _noted_row(model, id_)
    if values is None:
        rows = loader.statement.rows({"id": id_})
        if not rows:
            return None
        values = rows[0]
    row = loader.object_of(values)
    session.add(row)
    loader.tell_of(row)
    return row


def columns_to_note(model: type[Any]) -> list[sa.Column[Any]]:
    """Return the columns of a class that :func:`note_row` needs, in their order."""
    return [attribute.columns[0] for attribute in _loaded_attributes(model)]


def note_row(model: type[Any], id_: int, values: tuple[Any, ...]) -> None:
    """Say that a single statement of this thread has just returned a row.

    :func:`load_row` takes it, in the same application context, if it is the next thing
    that the thread does with the database, and does it at once.

    Args:
        model: a mapped class whose key is the integer column ``id``.
        id_: the key.
        values: of :func:`columns_to_note`.
    """
    if sends_directly():  # else they have been converted already
        noted = _NotedRow(model, id_, values, uses_of_thread(), time.monotonic())
        setattr(g, _NOTED, noted)


class _NotedRow(NamedTuple):
    model: type[Any]
    id: int
    values: tuple[Any, ...]
    uses: int
    time: float


def _noted_row(model: type[Any], id_: int) -> tuple[Any, ...] | None:
    noted: _NotedRow | None = g.pop(_NOTED, None)
    if (
        noted is None
        or noted[:2] != (model, id_)
        or noted.uses != uses_of_thread()
        or time.monotonic() - noted.time > NOTED_SECONDS
    ):
        return None
    return noted.values


def _loaded_attributes(model: type[Any]) -> list[Any]:
    mapper = sa.inspect(model)
    return [attribute for attribute in mapper.column_attrs if not attribute.deferred]


class _Loader:
    """The statement of a class, and how its columns become attributes."""

    def __init__(self, model: type[Any]) -> None:
        self._mapper = sa.inspect(model)
        columns = columns_to_note(model)
        self._attributes = [
            (attribute.key, _processor(column))
            for attribute, column in zip(_loaded_attributes(model), columns, strict=True)
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
