# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Entities as rows of text."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from qhana_plugin_runner.errors import TableError
from qhana_plugin_runner.plugin_utils.entity_marshalling import (
    ResponseLike,
    ensure_dict,
    entity_attribute_sort_key,
    load_entities,
)

CONTENT_TYPES = ("text/csv", "application/json", "application/X-lines+json")
MAX_CELL_LENGTH = 2_000


@dataclass
class Table:
    """What is shown of a file.

    Attributes:
        columns: the names of the attributes.
        rows: one list of texts per entity, as long as ``columns``.
        truncated: whether the file has more rows than these.
    """

    columns: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    truncated: bool = False


def read_table(file_: ResponseLike, mimetype: str, max_rows: int) -> Table:
    """Read the first entities of a file.

    Args:
        file_: the response of an input URL.
        mimetype: its content type.
        max_rows: how many rows to read.

    Raises:
        TableError: if the file is no CSV, JSON or JSON lines, or holds no entities.
        ValueError: if the file is malformed (with the line that is).
    """
    bare_type = mimetype.partition(";")[0].strip().lower()
    if bare_type not in {content_type.lower() for content_type in CONTENT_TYPES}:
        raise TableError(
            f"The file is of type '{bare_type}', but this table can only show "
            f"{', '.join(CONTENT_TYPES)}."
        )
    header: list[str] = []

    def keep_header(names: list[str]) -> list[str]:
        header.extend(names)
        return names

    items = load_entities(
        file_, mimetype, process_csv_header=keep_header if "csv" in bare_type else None
    )
    entities: list[Mapping[str, Any]] = []
    truncated = False
    for entity in _as_objects(items):
        truncated = len(entities) == max_rows
        if truncated:
            break
        entities.append(entity)
    if not header and not entities:
        raise TableError("The file holds no entities: row 1 is missing.")
    columns = header or _all_attributes(entities)
    rows = [[_to_text(entity.get(name)) for name in columns] for entity in entities]
    return Table(columns, rows, truncated)


def _as_objects(items: Iterator[Any]) -> Iterator[Mapping[str, Any]]:
    for row, item in enumerate(items, start=1):
        if not isinstance(item, (dict, tuple)):
            raise TableError(f"Row {row} is no object with attributes.")
        yield from ensure_dict([item])


def _all_attributes(entities: list[Mapping[str, Any]]) -> list[str]:
    """All attributes of JSON objects, which need not agree; ``ID`` and the like first."""
    names = dict.fromkeys(name for entity in entities for name in entity)
    # Sorting is stable: apart from the special names, the order of the file stays.
    return sorted(names, key=lambda name: entity_attribute_sort_key(name)[0])


def _to_text(value: Any) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= MAX_CELL_LENGTH else text[:MAX_CELL_LENGTH] + "…"
