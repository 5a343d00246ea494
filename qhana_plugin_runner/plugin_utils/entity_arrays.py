# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Entities as arrays of numbers: an ID, a link and the values."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from numbers import Number
from typing import Any, NamedTuple

from qhana_plugin_runner.plugin_utils.entity_tuples import (
    EntityTupleMixin,
    get_entity_tuple_class,
)


class ArrayEntity(NamedTuple):
    """An entity whose attributes are the values of an array.

    Attributes:
        ID: the ID of the entity.
        href: where the entity comes from.
        values: one value per dimension.
    """

    ID: str
    href: str | None
    values: Sequence[Any]


def _to_number(value: Any, strict: bool) -> Any:
    """Read a value as a number; text that is none is ``None`` (or an error)."""
    if isinstance(value, Number):
        return value
    number: int | float | None = None
    if value is not None:
        try:
            number = int(value) if value.isdecimal() else float(value)
        except ValueError:
            number = None
    if number is None and strict:
        raise ValueError("Array entity values must not be None!")
    return number


def _split_tuple(item: Any) -> tuple[Any, Any, Sequence[Any]]:
    """Split a tuple into ID, href and the other values in their order."""
    if isinstance(item, EntityTupleMixin):
        fields: Sequence[str] = item.entity_attributes
    else:
        fields = getattr(item, "_fields", ())
    values = list(item)
    id_at = fields.index("ID") if "ID" in fields else 0
    if "href" not in fields:
        return values.pop(id_at), None, values
    href_at = fields.index("href")
    id_, href = values[id_at], values[href_at]
    return id_, href, [v for i, v in enumerate(values) if i not in (id_at, href_at)]


def _split_dict(item: dict[str, Any]) -> tuple[Any, Any, Sequence[Any]]:
    """Split a dictionary into ID, href and the other values sorted by key."""
    keys = sorted(item.keys() - {"ID", "href"})
    return item["ID"], item.get("href"), [item[key] for key in keys]


def ensure_array(
    items: Iterable[Any], strict: bool = False
) -> Generator[ArrayEntity, None, None]:
    """Turn entities with numeric attributes into arrays.

    The values of a dictionary are ordered by attribute name, those of a tuple stay in
    their order. Numbers stay what they are, text of decimal digits becomes an ``int``,
    other text a ``float``. The given entities are not changed.

    Args:
        items: dictionaries and tuples; the ID of a tuple without a field ``ID`` is its
            first value.
        strict: raise an error instead of yielding ``None`` for a value that is missing
            or no number.

    Raises:
        KeyError: a dictionary has no ``ID``.
        ValueError: ``strict`` is set and a value is missing or no number.
        AttributeError: a value is neither a number nor text.
    """
    for item in items:
        split = _split_dict if isinstance(item, dict) else _split_tuple
        id_, href, values = split(item)
        yield ArrayEntity(id_, href, tuple(_to_number(v, strict) for v in values))


def array_to_entity(
    items: Iterable[Any],
    prefix: str = "dim",
    suffix: str = "",
    tuple_: Callable[[Iterable[Any]], Any] | None = None,
) -> Generator[Any, None, None]:
    """Turn arrays into entities with one attribute per dimension.

    The attributes are named ``<prefix><number><suffix>`` with numbers padded with zeros,
    so that their lexicographic order is the order of the dimensions.

    Args:
        items: array entities, all with as many values as the first.
        prefix: before the number.
        suffix: behind the number.
        tuple_: called with one flat tuple ``(ID, href, *values)``; default is a class of
            :func:`~qhana_plugin_runner.plugin_utils.entity_tuples.get_entity_tuple_class`.

    Raises:
        TypeError: a later array has another number of values than the first.
    """
    for item in items:
        if tuple_ is None:
            tuple_ = _entity_class(len(item.values), prefix, suffix)._make
        yield tuple_((item.ID, item.href, *item.values))


def _entity_class(dimensions: int, prefix: str, suffix: str) -> type[Any]:
    width = len(str(dimensions))
    names = (f"{prefix}{i:0{width}}{suffix}" for i in range(dimensions))
    return get_entity_tuple_class(("ID", "href", *names), "ArrayEntity")
