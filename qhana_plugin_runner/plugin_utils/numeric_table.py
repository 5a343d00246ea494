# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Entities as a table of numbers (step 6 of a request: the plugin works).

:func:`load_numeric_table` is what a plugin that computes calls with the response of an
input URL. It needs nothing but the standard library; ``numpy.array(table.columns)`` or
``list(table.rows())`` hand the numbers to a scientific library. Errors name the row and
the column, see :mod:`qhana_plugin_runner.plugin_utils.table_rows`.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import TableError
from .entity_marshalling import ResponseLike
from .table_rows import load_table_rows, shorten, to_number

NO_DIMENSIONS = frozenset(("ID", "href"))
"""Attributes that identify an entity and are never numbers to compute with."""


@dataclass(frozen=True)
class NumericTable:
    """The numbers of a list of entities.

    Attributes:
        ids: the ``ID`` of each entity, in the order of the file.
        hrefs: the ``href`` of each entity (empty text if there is none).
        attributes: the name of each column.
        columns: one array of doubles per attribute, each as long as ``ids``.
        left_out: attributes without a single number, which are no columns.
    """

    ids: tuple[str, ...]
    hrefs: tuple[str, ...]
    attributes: tuple[str, ...]
    columns: tuple[array[float], ...]
    left_out: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.ids)

    def rows(self) -> Iterator[tuple[float, ...]]:
        """One vector per entity."""
        return zip(*self.columns, strict=True)


def load_numeric_table(
    file_: ResponseLike, mimetype: str, attributes: Sequence[str] = ()
) -> NumericTable:
    """Read entities as vectors of numbers, in one pass.

    Args:
        file_: the response of an input URL (see ``load_entities``).
        mimetype: its content type.
        attributes: the attributes to use, in this order; blanks and line breaks around
            the names, as people type them, do not count. Without any, every attribute
            is used that is a number somewhere; one that holds text in all rows (a name,
            a species) is left out.

    Raises:
        TableError: if the file has no entities, no (or a doubtful) header row, an unknown
            attribute, rows that differ in their attributes, or cells without a number.
    """
    lines = (line.strip() for name in attributes for line in name.splitlines())
    chosen = tuple(dict.fromkeys(line for line in lines if line))
    ids: list[str] = []
    hrefs: list[str] = []
    columns: list[_Column] = []
    expected: tuple[str, ...] = ()
    for row, entity in load_table_rows(file_, mimetype, required=chosen):
        names = chosen or tuple(name for name in entity if name not in NO_DIMENSIONS)
        if not ids:
            expected = names
            columns = [_Column(name, bool(chosen)) for name in names]
        elif names != expected:
            raise _unequal_rows(row, names, expected)
        ids.append(str(entity["ID"]))
        hrefs.append(str(entity.get("href") or ""))
        for column in columns:
            column.append(row, entity)
    numeric = [column for column in columns if column.values]
    if not numeric:
        raise _no_numbers(columns)
    return NumericTable(
        ids=tuple(ids),
        hrefs=tuple(hrefs),
        attributes=tuple(name for column in numeric for name in column.names()),
        columns=tuple(part for column in numeric for part in column.parts()),
        left_out=tuple(column.name for column in columns if not column.values),
    )


class _Column:
    """One attribute while it is read: either all cells are numbers or none is."""

    def __init__(self, name: str, chosen: bool) -> None:
        self.name = name
        self.values = array("d")
        self._chosen = chosen
        # 0 for a single number, else the length of the lists.
        self._width: int | None = None
        self._problem: str | None = None

    def append(self, row: int, entity: Mapping[str, Any]) -> None:
        try:
            numbers = _to_numbers(entity.get(self.name))
        except ValueError as error:
            problem = f"Row {row}, column '{self.name}': {error}"
            if self._chosen:
                raise TableError(problem) from None
            if self.values:
                raise self._mixed(problem) from None
            self._problem = self._problem or problem
            return
        if self._problem:
            raise self._mixed(self._problem)
        self._check_width(row, entity[self.name])
        self.values.extend(numbers)

    def _check_width(self, row: int, cell: Any) -> None:
        width = len(cell) if isinstance(cell, list) else 0
        if self._width is None:
            self._width = width
        elif width != self._width:
            found = f"a list of {width} numbers" if width else "a single number"
            expected = f"a list of {self._width}" if self._width else "a single number"
            raise TableError(
                f"Row {row}, column '{self.name}': found {found}, but the rows before "
                f"have {expected}."
            )

    def _mixed(self, problem: str) -> TableError:
        return TableError(
            f"{problem} Other rows of this column are numbers; choose the attributes to "
            "use if this one should be left out."
        )

    def names(self) -> list[str]:
        """The names of the columns this attribute becomes (a list gives several)."""
        if not self._width:
            return [self.name]
        digits = len(str(self._width))
        return [f"{self.name}_{index:0{digits}}" for index in range(self._width)]

    def parts(self) -> list[array[float]]:
        """The numbers, one array per name."""
        if not self._width:
            return [self.values]
        return [self.values[index :: self._width] for index in range(self._width)]


def _to_numbers(cell: Any) -> list[float]:
    """The number of a cell, or the numbers of a list.

    Raises:
        ValueError: with what is wrong about the cell.
    """
    if isinstance(cell, list):
        if not cell:
            raise ValueError("the list is empty.")
        return [to_number(item) for item in cell]
    return [to_number(cell)]


def _unequal_rows(row: int, names: Sequence[str], expected: Sequence[str]) -> TableError:
    for name in expected:
        if name not in names:
            return TableError(
                f"Row {row}, column '{shorten(name)}': the cell is missing."
            )
    extra = next(name for name in names if name not in expected)
    return TableError(
        f"Row {row}, column '{shorten(extra)}': the rows before have no such attribute."
    )


def _no_numbers(columns: Sequence[_Column]) -> TableError:
    if not columns:
        return TableError(
            "Row 1: the only columns are 'ID' and 'href', none is a number."
        )
    names = ", ".join(f"'{shorten(column.name)}'" for column in columns[:20])
    return TableError(
        f"Rows 1 and following: none of the columns {names} holds a single number."
    )
