# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Converting the values of attributes to and from text, by type."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

CONSIDERED_TRUE = {"1", "true", "t", "yes", "y", "on"}
CONSIDERED_FALSE = {"0", "false", "f", "no", "n", "off", "null", "nil", "none"}

DEFAULT_SEPARATOR = ";"

_Convert = Callable[[Any], Any]


def parse_bool(value: str | bool) -> bool:
    """Read a truth value; letter case and surrounding blanks do not matter.

    Raises:
        ValueError: the text is no word for true or false.
    """
    if isinstance(value, bool):
        return value
    word = value.strip().lower()
    if word in CONSIDERED_TRUE:
        return True
    if word in CONSIDERED_FALSE:
        return False
    raise ValueError(f"'{value}' is neither true nor false.")


def parse_optional_value(value: Any, deserialize: _Convert) -> Any:
    """Convert a value; empty text and ``None`` are no value (``None``)."""
    if value is None or value == "":
        return None
    return deserialize(value)


def parse_multi(
    value: Any,
    deserialize: _Convert,
    separator: str = DEFAULT_SEPARATOR,
    collection: Callable[[Iterable[Any]], Any] = list,
) -> Any:
    """Convert several values.

    Args:
        value: text with separators (empty text is no value at all) or a sequence.
        deserialize: converts one of the values.
        separator: splits the text.
        collection: builds the result.

    Raises:
        ValueError: the value is neither text nor a sequence.
    """
    if value == "":
        return collection(())
    if isinstance(value, str):
        return collection(map(deserialize, value.split(separator)))
    if isinstance(value, Sequence):
        return collection(map(deserialize, value))
    raise ValueError(f"{value!r} is not a list of values.")


def default_serialize(value: Any) -> str:
    """Turn a scalar into text; ``None`` becomes empty."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool | int | float):
        return str(value)
    return repr(value)


def serialize_multi(
    value: Iterable[Any] | None,
    serialize: Callable[[Any], str],
    separator: str = DEFAULT_SEPARATOR,
) -> str:
    """Turn several values into one text; ``None`` becomes empty."""
    if value is None:
        return ""
    return separator.join(map(serialize, value))


def _identity(value: Any) -> Any:
    return value


def _parse_optional_int(value: Any) -> int | None:
    return parse_optional_value(value, int)


def _parse_optional_float(value: Any) -> float | None:
    return parse_optional_value(value, float)


def _parse_optional_bool(value: Any) -> bool | None:
    return parse_optional_value(value, parse_bool)


# Plugins may register types of their own in both maps.
DESERIALIZER_MAP: dict[str, _Convert] = {
    "default": _identity,
    "string": _identity,
    "str": _identity,
    "integer": _parse_optional_int,
    "int": _parse_optional_int,
    "float": _parse_optional_float,
    "double": _parse_optional_float,
    "number": _parse_optional_float,
    "bool": _parse_optional_bool,
    "boolean": _parse_optional_bool,
}
SERIALIZER_MAP: dict[str, Callable[[Any], str]] = dict.fromkeys(
    DESERIALIZER_MAP, default_serialize
)
