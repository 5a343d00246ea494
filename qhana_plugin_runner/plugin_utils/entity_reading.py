# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Loading entities from CSV, JSON and JSON lines."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Generator, Iterator, Sequence
from functools import partial
from typing import Any, NoReturn

from qhana_plugin_runner.errors import (
    EntityFormatError,
    EntityJSONError,
    EntityShapeError,
)
from qhana_plugin_runner.plugin_utils.csv_dialect import lift_field_size_limit
from qhana_plugin_runner.plugin_utils.entity_tuples import get_entity_tuple_class
from qhana_plugin_runner.plugin_utils.json_lines import load_json_lines
from qhana_plugin_runner.plugin_utils.line_sources import (
    LineSource,
    ResponseLike,
    declared_charset,
    unknown_charset,
)
from qhana_plugin_runner.plugin_utils.media_types import split_media_type

_LINE_BREAK = re.compile(r"\r\n|\n|\r")

CsvDialect = str | csv.Dialect | type[csv.Dialect]


def load_entities(
    file_: ResponseLike,
    mimetype: str,
    csv_dialect: CsvDialect = "default",
    tuple_: Callable[[list[str]], Any] | None = None,
    process_csv_header: Callable[[list[str]], Sequence[str]] | None = None,
) -> Generator[Any, None, None]:
    """Load entities from a response, one after the other.

    Nothing is read before the first entity is asked for, and CSV and JSON lines of a
    streamed response are never in memory as a whole: keep the response open meanwhile.
    Text is read in the declared charset (of ``mimetype`` or of the response), else as
    UTF-8; a byte-order mark is skipped.

    Args:
        file_: a response, for example of :func:`qhana_plugin_runner.requests.open_url`.
        mimetype: ``text/csv``, ``application/json`` or ``application/X-lines+json``;
            parameters and letter case do not matter.
        csv_dialect: name or class of a dialect of the ``csv`` module.
        tuple_: called with the list of values of each CSV row; default is a class of
            :func:`~qhana_plugin_runner.plugin_utils.entity_tuples.get_entity_tuple_class`
            for the header.
        process_csv_header: changes the attribute names that the CSV header gives.

    Yields:
        Dictionaries (or whatever values there are) from JSON, tuples of ``str`` from CSV.

    Raises:
        ValueError: the content type is not one of the above.
        EntityFormatError: the data is malformed; a ``ValueError`` that names the line.
        EntityShapeError: a CSV row is longer or shorter than the header; a
            ``ValueError`` and a ``TypeError``.
        EntityJSONError: a ``json.JSONDecodeError`` that names line and column.
    """
    kind = split_media_type(mimetype)[0]
    if kind == "application/json":
        yield from _load_json(file_, mimetype)
    elif kind == "application/x-lines+json":
        yield from load_json_lines(LineSource(file_, mimetype, newline="\n"))
    elif kind == "text/csv":
        source = LineSource(file_, mimetype)
        yield from _load_csv(source, csv_dialect, tuple_, process_csv_header)
    else:
        raise ValueError(f"Loading entities from {mimetype} files is not implemented!")


def _load_json(file_: Any, mimetype: str) -> Iterator[Any]:
    # A response of requests would guess the charset, and name no reason if it is wrong.
    content = getattr(file_, "content", None)
    if isinstance(content, bytes):
        document = _parse(content, file_, mimetype)
    else:
        document = file_.json()
    return iter(document if isinstance(document, list) else (document,))


def _parse(content: bytes, file_: Any, mimetype: str) -> Any:
    charset = declared_charset(file_, mimetype) or json.detect_encoding(content)
    try:
        return json.loads(content.decode(charset).removeprefix("\ufeff"))
    except LookupError as error:
        raise unknown_charset(charset) from error
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise EntityFormatError(
            f"JSON line {line}: byte {error.start + 1} of the data is not valid "
            f"{error.encoding}: {error.reason}."
        ) from error
    except json.JSONDecodeError as error:
        message = f"JSON line {error.lineno}, column {error.colno}: {error.msg}."
        raise EntityJSONError(message, error.doc, error.pos) from error
    except (ValueError, RecursionError) as error:
        raise EntityFormatError(f"The JSON document cannot be read: {error}") from error


def _load_csv(
    source: LineSource,
    dialect: CsvDialect,
    tuple_: Callable[[list[str]], Any] | None,
    process_header: Callable[[list[str]], Sequence[str]] | None,
) -> Generator[Any, None, None]:
    lift_field_size_limit()
    rows = csv.reader(source, dialect)
    try:
        # Empty rows before the header are skipped like everywhere else.
        header: Sequence[str] | None = next(filter(None, rows), None)
        if header is None:
            raise EntityFormatError("CSV line 1: the file is empty, it has no header.")
        width = len(header)
        if process_header is not None:
            header = process_header(list(header))
        if tuple_ is not None:
            yield from _convert_rows(rows, tuple_, width)
            return
        width = len(header)
        class_ = get_entity_tuple_class(header)
        # A named tuple's own _make() checks the length again, which costs as much as
        # reading the row.
        make = partial(tuple.__new__, class_)
        for row in rows:
            if len(row) == width:
                yield make(row)
            elif row:
                _refuse_row(row, header, rows.line_num)
    except csv.Error as error:
        raise EntityFormatError(f"CSV line {rows.line_num}: {error}.") from error
    except UnicodeError as error:
        raise source.explain(error) from error


def _convert_rows(
    rows: Any, tuple_: Callable[[list[str]], Any], width: int
) -> Generator[Any, None, None]:
    """Leave it to the caller's function whether a row has the right length."""
    for row in rows:
        if not row:
            continue
        try:
            entity = tuple_(row)
        except TypeError as error:
            if len(row) == width:
                raise
            raise EntityShapeError(
                f"CSV line {_first_line(row, rows.line_num)}: the row has {len(row)} "
                f"values, but the header has {width} columns."
            ) from error
        yield entity


def _first_line(row: list[str], last_line: int) -> int:
    """Find the line where a row starts that may have line breaks in its values."""
    return last_line - sum(len(_LINE_BREAK.findall(value)) for value in row)


def _refuse_row(row: list[str], header: Sequence[str], last_line: int) -> NoReturn:
    line, width = _first_line(row, last_line), len(header)
    if len(row) > width:
        column, reason = width + 1, "there is a value without a column"
    else:
        column, reason = len(row) + 1, f"the value of '{header[len(row)]}' is missing"
    raise EntityShapeError(
        f"CSV line {line}, column {column}: {reason} "
        f"({len(row)} values, {width} columns)."
    )
