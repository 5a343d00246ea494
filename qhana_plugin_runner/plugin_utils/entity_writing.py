# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Saving entities as CSV, JSON and JSON lines."""

from __future__ import annotations

import csv
from collections.abc import Generator, Iterable, Sequence
from itertools import islice
from operator import itemgetter
from typing import Any, TextIO

from qhana_plugin_runner.errors import EntityShapeError
from qhana_plugin_runner.plugin_utils.entity_json import encode_array, encode_lines
from qhana_plugin_runner.plugin_utils.entity_reading import CsvDialect
from qhana_plugin_runner.plugin_utils.entity_tuples import ensure_dict, ensure_tuple
from qhana_plugin_runner.plugin_utils.media_types import split_media_type

_BATCH = 256


def save_entities(
    entities: Iterable[Any],
    file_: TextIO,
    mimetype: str,
    attributes: Sequence[str] | None = None,
    csv_dialect: CsvDialect = "default",
    tuple_: type[Any] | None = None,
) -> None:
    """Write entities to a text file, one after the other.

    JSON is written as one compact array, JSON lines as one object per line; both with
    ASCII escapes. Python's ``nan`` and infinities are written as ``NaN``, ``Infinity``
    and ``-Infinity``: no JSON standard has them, but every reader in Python restores the
    exact value, which ``null`` would lose.

    CSV has a header of ``attributes``. Dictionaries may lack attributes (the value is
    empty) but not have others; tuples are written as they are, in their own order.

    Args:
        entities: dictionaries and tuples, may be mixed.
        file_: an open text file; for CSV best opened with ``newline=""``. It is neither
            flushed nor closed.
        mimetype: ``text/csv``, ``application/json`` or ``application/X-lines+json``;
            parameters and letter case do not matter.
        attributes: the attribute names in the order of the CSV columns; needed for CSV.
        csv_dialect: name or class of a dialect of the ``csv`` module.
        tuple_: a class that dictionaries are turned into before they are written as CSV.

    Raises:
        ValueError: the content type is not one of the above, or CSV is saved without
            ``attributes``.
        EntityShapeError: a dictionary has an attribute that is not in ``attributes``; a
            ``ValueError`` and a ``TypeError``.
        TypeError: a value cannot be written as JSON, or ``tuple_`` does not fit.
    """
    kind = split_media_type(mimetype)[0]
    if kind == "application/json":
        _save_json(entities, file_)
    elif kind == "application/x-lines+json":
        _save_json_lines(entities, file_)
    elif kind == "text/csv":
        if attributes is None:
            raise ValueError("Saving entities as CSV needs the list of attributes!")
        writer = csv.writer(file_, csv_dialect)
        writer.writerow(attributes)
        if tuple_ is None:
            writer.writerows(_ensure_rows(entities, list(attributes)))
        else:
            writer.writerows(ensure_tuple(entities, tuple_))
    else:
        raise ValueError(f"Saving entities to {mimetype} files is not implemented!")


def _save_json(entities: Iterable[Any], file_: TextIO) -> None:
    before = "["
    for batch in _batches(entities):
        file_.write(before + encode_array(batch)[1:-1])
        before = ","
    file_.write("[]\n" if before == "[" else "]\n")


def _save_json_lines(entities: Iterable[Any], file_: TextIO) -> None:
    for batch in _batches(entities):
        file_.write(encode_lines(batch))


def _batches(entities: Iterable[Any]) -> Generator[list[dict[str, Any]], None, None]:
    """Return the entities as dictionaries, some at a time."""
    # Others may use one object for all entities, so each is read when it comes.
    is_complete = type(entities) in (list, tuple)
    items = iter(entities) if is_complete else ensure_dict(entities)
    while batch := list(islice(items, _BATCH)):
        yield batch if set(map(type, batch)) == {dict} else list(ensure_dict(batch))


def _ensure_rows(
    entities: Iterable[Any], attributes: list[str]
) -> Generator[Any, None, None]:
    """Turn dictionaries into rows, with nothing for attributes that they lack."""
    known = frozenset(attributes)
    # itemgetter gives the bare value for one name, and cannot be built for none.
    complete = itemgetter(*attributes) if len(attributes) > 1 else None
    for number, entity in enumerate(entities, 1):
        if not isinstance(entity, dict):
            yield entity
            continue
        if complete is not None and entity.keys() == known:
            yield complete(entity)
            continue
        if unknown := entity.keys() - known:
            names = ", ".join(sorted(map(repr, unknown)))
            raise EntityShapeError(
                f"Entity {number} cannot be saved: {names} is not among the attributes."
            )
        yield [entity.get(name) for name in attributes]
