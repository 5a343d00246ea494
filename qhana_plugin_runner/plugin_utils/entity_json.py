# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Batches of entities to JSON, with the speed of orjson and the texts of ``json``.

orjson writes a whole batch, or a column of it, in one call. Its text is used if it says
exactly what the standard library would say, once characters beyond ASCII are escaped.
Everything else (``NaN``, nested values in JSON lines, numbers of more than 64 bits) is
left to that one. Only numbers with an exponent are spelled as orjson does (``1e16`` for
``1e+16``).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from itertools import chain, repeat
from typing import Any

import orjson

_LINE = json.JSONEncoder()
_COMPACT = json.JSONEncoder(separators=(",", ":"))
_ONLY_PLAIN = (
    orjson.OPT_PASSTHROUGH_SUBCLASS
    | orjson.OPT_PASSTHROUGH_DATACLASS
    | orjson.OPT_PASSTHROUGH_DATETIME
)

# What orjson writes between the values of a list of objects, with two blanks a level.
_FIRST, _LAST = b"[\n  {\n    ", b"\n  }\n]"
_NEXT_ENTITY, _NEXT_VALUE = b"\n  },\n  {\n    ", b"\n    "

# What stands there in lines, as long as what it replaces: Python does not search twice
# then. The rest is a character that the text does not contain, and is deleted at once.
_FILLING = b"\x7f"
_NEXT_LINE = b"}\n{".ljust(len(_NEXT_ENTITY), _FILLING)
_NEXT_IN_LINE = b" ".ljust(len(_NEXT_VALUE), _FILLING)

_TEXTS = {str}
_NUMBERS = {int, float, bool}


def encode_array(batch: Sequence[dict[str, Any]]) -> str:
    """Return a compact JSON array of dictionaries.

    Raises:
        TypeError: a value cannot be written as JSON.
    """
    body = _plain(batch)
    if body is not None and _all_null_is_none(body, batch):
        text = _in_ascii(body)
        if text is not None:
            return text
    return _COMPACT.encode(batch)


def encode_lines(batch: Sequence[dict[str, Any]]) -> str:
    """Return a line of JSON for each dictionary, with a blank behind comma and colon.

    Raises:
        TypeError: a value cannot be written as JSON.
    """
    lines = _spaced_lines(batch)
    return _encode_columns(batch) if lines is None else lines


def _spaced_lines(batch: Sequence[dict[str, Any]]) -> str | None:
    """Return the lines of entities without nested values, all written in one call.

    orjson writes blanks behind colons if it indents. Line ends are never part of a value,
    so those of the indentation can be told from everything else.

    Returns:
        ``None`` if only somebody else writes the usual text.
    """
    text = _plain(batch, orjson.OPT_INDENT_2)
    if text is None or not all(batch):
        return None
    body = text[len(_FIRST) : -len(_LAST)].replace(_NEXT_ENTITY, _NEXT_LINE)
    lines = body.replace(_NEXT_VALUE, _NEXT_IN_LINE).translate(None, _FILLING)
    filling = (len(batch) - 1) * _NEXT_LINE.count(_FILLING)
    filling += (sum(map(len, batch)) - len(batch)) * _NEXT_IN_LINE.count(_FILLING)
    if len(body) - len(lines) != filling:
        return None  # nested values have lines of their own
    if not _all_null_is_none(lines, batch):
        return None
    inner = _in_ascii(lines)
    return None if inner is None else f"{{{inner}}}\n"


def _all_null_is_none(text: bytes, batch: Sequence[dict[str, Any]]) -> bool:
    """Return whether no ``null`` stands for ``NaN`` or an infinity.

    If ``null`` is part of a text, or a value is nested, it may say no without need.
    """
    nulls = text.count(b"null")
    if not nulls:
        return True
    values = chain.from_iterable(map(dict.values, batch))
    return len([value for value in values if value is None]) == nulls


def _encode_columns(batch: Sequence[dict[str, Any]]) -> str:
    """Return the lines of entities, written column by column.

    Entities of one file mostly have the same attributes with values of the same kind.
    """
    names = list(batch[0])
    if not names or list(chain.from_iterable(batch)) != names * len(batch):
        return "".join(f"{_LINE.encode(entity)}\n" for entity in batch)
    parts: list[Iterable[str]] = []
    before = "{"
    for name, values in zip(
        names, zip(*map(dict.values, batch), strict=True), strict=True
    ):
        quote, texts = _column(values)
        parts += (repeat(f"{before}{_key(name)}: {quote}"), texts)
        before = f"{quote}, "
    parts.append(repeat(f"{before[:-2]}}}\n"))
    return "".join(chain.from_iterable(zip(*parts, strict=False)))


def _key(name: Any) -> str:
    """Return a key as JSON; ``json`` also takes numbers, booleans and ``None``."""
    return _LINE.encode({name: 0})[1:-4]


def _column(values: tuple[Any, ...]) -> tuple[str, Iterable[str]]:
    """Return the JSON texts of values, and the quote that goes around each."""
    types = set(map(type, values))
    if types == _TEXTS or types <= _NUMBERS:
        text = _compact(values)
        if text is not None and types == _TEXTS:
            # Without escapes there is no quote within a text.
            if "\\" not in text:
                return '"', text[2:-2].split('","')
        elif text is not None:
            return "", text[1:-1].split(",")
    return "", map(_LINE.encode, values)


def _compact(values: Sequence[Any]) -> str | None:
    """Return a list as compact JSON, ``None`` if it would not be the usual text."""
    text = _plain(values)
    # NaN is null, too.
    if text is None or b"null" in text or not text.isascii():
        return None
    return text.decode()


def _plain(values: Sequence[Any], options: int = 0) -> bytes | None:
    """Return a list as JSON, with ``null`` for ``NaN`` and without escapes beyond ASCII.

    Returns:
        ``None`` if the standard library spells anything else differently.
    """
    try:
        body = orjson.dumps(values, option=_ONLY_PLAIN | options)
    except TypeError:
        return None
    # The only character within ASCII that the standard library escapes, but orjson not.
    return None if b"\x7f" in body else body


def _in_ascii(text: bytes) -> str | None:
    """Return JSON with escapes for all characters beyond ASCII.

    Python's own escapes are those of JSON, but for two digits (``\\xfc``) and for eight.

    Returns:
        ``None`` if a backslash may be part of a text, or there are characters beyond
        U+FFFF, which JSON escapes in two halves.
    """
    if text.isascii():
        return text.decode()
    if b"\\\\" in text:
        return None
    escaped = text.decode().encode("ascii", "backslashreplace")
    return None if b"\\U" in escaped else escaped.replace(b"\\x", b"\\u00").decode()
