# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The log of a task: appended where it lies, and kept below a limit.

Every answer about a task carries its log, so a log without a limit makes every poll slow.
"""

from __future__ import annotations

import re
from typing import Any

import sqlalchemy as sa
from flask import current_app
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from ..db import DB
from .base import storable

DEFAULT_LIMIT = 1024 * 1024

_MARKER = re.compile(r"\n\[… (\d+) characters left out …\]\n")


class _Bytes(FunctionElement[int]):
    """The size of a text in bytes of UTF-8."""

    type = sa.Integer()
    name = "octet_length"
    inherit_cache = True


@compiles(_Bytes)
def _bytes(element: _Bytes, compiler: Any, **kwargs: Any) -> str:
    return f"octet_length({compiler.process(element.clauses, **kwargs)})"


@compiles(_Bytes, "sqlite")
def _bytes_on_sqlite(element: _Bytes, compiler: Any, **kwargs: Any) -> str:
    # octet_length() is younger than some SQLite libraries in use.
    return f"length(CAST({compiler.process(element.clauses, **kwargs)} AS BLOB))"


def log_bytes(column: Any) -> sa.ColumnElement[int]:
    """Return the size of a text column in bytes, without reading the text."""
    return _Bytes(column)


def limit_bytes() -> int | None:
    """Return how many bytes the log of a task may have, ``None`` for any number."""
    return current_app.config.get("TASK_LOG_MAX_BYTES", DEFAULT_LIMIT)


def capped(text: str, limit: int | None) -> str:
    """Return a text that is not longer than the limit.

    A longer text keeps its beginning (a quarter of the limit) and its end (one half); a
    line between them says how much was left out. What is free then is room for more.

    Args:
        text: may have been capped before.
        limit: bytes of UTF-8, ``None`` for no limit.
    """
    if limit is None or len(text) * 4 <= limit:
        return text
    text = storable(text)
    if len(text.encode()) <= limit:
        return text
    before = _MARKER.search(text)
    head_end, tail_start, left_out = len(text), 0, 0
    if before is not None:
        head_end, tail_start = before.span()
        left_out = int(before[1])
    head = text[:head_end].encode()[: limit // 4].decode(errors="ignore")
    tail_start = max(tail_start, len(head))
    tail = text[tail_start:].encode()[-(limit // 2) :].decode(errors="ignore")
    kept = len(head) + len(tail)
    marker_length = 0 if before is None else len(before[0])
    left_out += len(text) - marker_length - kept
    return f"{head}\n[… {left_out} characters left out …]\n{tail}"


def appended(column: Any, entry: str) -> sa.ColumnElement[str]:
    """Return the value of a log column after text was appended on a line of its own."""
    entry = storable(capped(entry, limit_bytes()))
    return sa.case((column == "", entry), else_=column.concat("\n" + entry))


def shorten(column: Any, is_row: sa.ColumnElement[bool]) -> None:
    """Cap a log that is stored already, if it has become too long.

    Args:
        column: the log column.
        is_row: the condition that finds the one row.
    """
    limit = limit_bytes()
    if limit is None:
        return
    too_long = sa.select(column).where(is_row, log_bytes(column) > limit)
    text = DB.session.scalar(too_long)
    if text is not None:
        statement = sa.update(column.class_).where(is_row)
        DB.session.execute(
            statement.values({column.key: capped(text, limit)}),
            execution_options={"synchronize_session": False},
        )
