# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Entities as rows with a number (step 6 of a request: the plugin works).

Rows are counted as a spreadsheet shows them: in a CSV file the header is row 1, in JSON
the first entity is row 1. Every error is one sentence that names the row and the column,
because the user sees it as the task's log.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import isfinite
from typing import Any

from ..errors import TableError
from .entity_marshalling import ResponseLike, load_entities


def load_table_rows(
    file_: ResponseLike, mimetype: str, required: Sequence[str] = ()
) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Read entities one by one, together with the number of their row.

    The attributes keep the order of a CSV header; those of a JSON object are sorted by
    name, since JSON objects have no order.

    Args:
        file_: the response of an input URL (see ``load_entities``).
        mimetype: its content type.
        required: attributes that each entity must have besides ``ID``.

    Raises:
        TableError: if the file has no entities, no (or a doubtful) header row, a row
            without one of the attributes, or two rows with one ``ID``.
    """
    is_csv = mimetype.partition(";")[0].strip().lower() == "text/csv"
    first_row = 2 if is_csv else 1
    seen: dict[str, int] = {}

    def check_header(header: list[str]) -> list[str]:
        _check_header(header, required)
        return header

    entities = load_entities(
        file_, mimetype, process_csv_header=check_header if is_csv else None
    )
    for row, item in enumerate(entities, start=first_row):
        entity = item.as_dict() if is_csv else _as_sorted_object(row, item)
        _check_names(row, entity, required)
        _check_id(row, entity, seen)
        yield row, entity
    if not seen:
        place = "Row 2 is missing" if is_csv else "Row 1, column 'ID' is missing"
        raise TableError(f"{place}: the file holds no entities.")


def _check_header(header: Sequence[str], required: Sequence[str]) -> None:
    """Refuse a header row that is no header row or that lacks an attribute."""
    seen: set[str] = set()
    for position, name in enumerate(header, start=1):
        if _looks_like_number(name) and "ID" not in header:
            raise TableError(
                f"Row 1, column {position}: found the number '{shorten(name)}' instead "
                "of the name of an attribute; the file needs a header row such as "
                "'ID,href,…'."
            )
        if name in seen:
            raise TableError(
                f"Row 1, column {position}: the attribute '{shorten(name)}' appears "
                "twice in the header row."
            )
        seen.add(name)
    _check_names(1, dict.fromkeys(header), required)


def _looks_like_number(text: str) -> bool:
    try:
        to_number(text)
    except ValueError:
        return False
    return True


def _as_sorted_object(row: int, item: Any) -> Mapping[str, Any]:
    if not isinstance(item, dict):
        raise TableError(
            f"Row {row}: found '{shorten(item)}' instead of an object with the column "
            "'ID' and other attributes."
        )
    return {name: item[name] for name in sorted(item)}


def _check_names(row: int, entity: Mapping[str, Any], required: Sequence[str]) -> None:
    for name in ("ID", *required):
        if name not in entity:
            known = ", ".join(f"'{shorten(other)}'" for other in list(entity)[:20])
            raise TableError(
                f"Row {row}, column '{shorten(name)}': there is no such attribute. "
                f"Attributes of this row: {known or 'none'}."
            )


def _check_id(row: int, entity: Mapping[str, Any], seen: dict[str, int]) -> None:
    if entity["ID"] is None or entity["ID"] == "":
        raise TableError(f"Row {row}, column 'ID': the cell is empty.")
    id_ = str(entity["ID"])
    first = seen.setdefault(id_, row)
    if first != row:
        raise TableError(
            f"Row {row}, column 'ID': '{shorten(id_)}' is the ID of row {first} already."
        )


def to_number(cell: Any) -> float:
    """The number in a cell of CSV or JSON.

    Raises:
        ValueError: with what is wrong about the cell.
    """
    if cell is None or cell == "":
        raise ValueError("the cell is empty, expected a number.")
    shown = f"'{shorten(cell)}'"
    # Python's own number syntax allows 1_000, which no other tool reads as a number.
    if isinstance(cell, (dict, list, bool)) or (isinstance(cell, str) and "_" in cell):
        raise ValueError(f"{shown} is not a number.")
    try:
        number = float(cell)
    except (ValueError, OverflowError):
        raise ValueError(f"{shown} is not a number.") from None
    if not isfinite(number):
        raise ValueError(f"{shown} is not a finite number.")
    return number


def shorten(value: Any, length: int = 60) -> str:
    """A value as it can stand in a sentence."""
    text = str(value)
    return text if len(text) <= length else text[: length - 1] + "…"
