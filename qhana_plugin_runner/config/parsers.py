# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Turning the text of environment variables and config files into values.

Every parser takes a raw value (text from the environment, or whatever a config file
contains) and returns the value that the runner uses. It raises ``ValueError`` with what
is allowed; the caller adds the name of the setting and the value.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

Parser = Callable[[Any], Any]

_TRUE = {"1", "true", "t", "yes", "y", "on"}
_FALSE = {"0", "false", "f", "no", "n", "off", ""}


def text(value: Any) -> str:
    """Accept text."""
    if isinstance(value, str):
        return value
    raise ValueError("a text")


def optional_text(value: Any) -> str | None:
    """Accept text or nothing; empty text is nothing."""
    if value is None or value == "":
        return None
    return text(value)


def secret(value: Any) -> str | bytes:
    """Accept a non-empty text or bytes."""
    if isinstance(value, (str, bytes)) and value:
        return value
    raise ValueError("a non-empty text or bytes")


def secret_list(value: Any) -> list[str | bytes]:
    """Accept a list of secrets, or text with blanks between them."""
    if isinstance(value, str):
        value = value.split()
    if isinstance(value, (list, tuple)):
        return [secret(part) for part in value]
    raise ValueError("a list of non-empty texts, or texts separated by blanks")


def boolean(value: Any) -> bool:
    """Accept a boolean, or one of the usual words for it."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int) and value in (0, 1):
        return bool(value)
    if isinstance(value, str):
        word = value.strip().lower()
        if word in _TRUE:
            return True
        if word in _FALSE:
            return False
    raise ValueError("true or false")


def boolean_or(word: str) -> Parser:
    """Return a parser for booleans that also accepts one other word."""

    def parse(value: Any) -> bool | str:
        if isinstance(value, str) and value.strip().lower() == word:
            return word
        try:
            return boolean(value)
        except ValueError:
            raise ValueError(f"true, false or {word}") from None

    return parse


def integer(minimum: int | None = None, maximum: int | None = None) -> Parser:
    """Return a parser for whole numbers within the bounds (inclusive)."""
    bounds = _bounds_text(minimum, maximum)

    def parse(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, (int, str)):
            raise ValueError(f"a whole number{bounds}")
        try:
            number = int(value)
        except ValueError:
            raise ValueError(f"a whole number{bounds}") from None
        return _within(number, minimum, maximum, f"a whole number{bounds}")

    return parse


def number(minimum: float | None = None, maximum: float | None = None) -> Parser:
    """Return a parser for numbers within the bounds (inclusive)."""
    bounds = _bounds_text(minimum, maximum)

    def parse(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float, str)):
            raise ValueError(f"a number{bounds}")
        try:
            result = float(value)
        except ValueError:
            raise ValueError(f"a number{bounds}") from None
        return _within(result, minimum, maximum, f"a number{bounds}")

    return parse


def optional(parser: Parser) -> Parser:
    """Return a parser that also accepts ``None`` (and empty text or ``"none"``)."""

    def parse(value: Any) -> Any:
        if value is None or (
            isinstance(value, str) and value.strip().lower() in ("", "none")
        ):
            return None
        return parser(value)

    return parse


def one_of(*choices: str) -> Parser:
    """Return a parser for one of the given words."""

    def parse(value: Any) -> str:
        if value not in choices:
            raise ValueError("one of " + ", ".join(choices))
        return value

    return parse


def rates(value: Any) -> str:
    """Accept rates as the package ``limits`` writes them, separated by ``;``."""
    from limits import parse_many

    try:
        parse_many(text(value))
    except ValueError:
        raise ValueError("rates such as 600/minute or 10/second;1000/hour") from None
    return value


def severity(value: Any) -> int:
    """Accept a level of the logging module by number or name."""
    import logging

    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str):
        if value.isdigit():
            return int(value)
        level = logging.getLevelName(value.strip().upper())
        if isinstance(level, int):
            return level
    raise ValueError("a level of the logging module, such as INFO or 20")


def path_list(value: Any) -> list[str]:
    """Accept a list of paths, or text separated by ``:``; empty parts are ignored."""
    if isinstance(value, str):
        value = value.split(":")
    if isinstance(value, Iterable) and not isinstance(value, (bytes, Mapping)):
        parts = [str(part) for part in value]
        return [part for part in parts if part.strip()]
    raise ValueError("a list of paths, or paths separated by ':'")


def text_list(value: Any) -> list[str]:
    """Accept a list of texts, or text separated by ``,`` or blanks."""
    if isinstance(value, str):
        return [part for part in re.split(r"[,\s]+", value) if part]
    if isinstance(value, (list, tuple, set, frozenset)):
        return [str(part) for part in value]
    raise ValueError("a list of texts, or texts separated by ','")


def database_uri(value: Any) -> str:
    """Accept a SQLAlchemy URL; the old psycopg2 dialect becomes psycopg 3."""
    uri = text(value)
    if "://" not in uri and not uri.startswith("sqlite:"):
        raise ValueError("a database URL such as postgresql+psycopg://user@host/name")
    if uri.startswith("postgresql+psycopg2:"):
        return "postgresql+psycopg:" + uri[len("postgresql+psycopg2:") :]
    return uri


def optional_url(value: Any) -> str | None:
    """Accept an absolute http(s) URL or nothing."""
    url = optional_text(value)
    if url is None:
        return None
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).netloc:
        raise ValueError("an absolute http(s) URL")
    return url


def store_url(value: Any) -> str:
    """Accept a URL with a scheme and something behind it."""
    scheme, separator, rest = text(value).partition("://")
    if not (scheme and separator and rest.strip("/")):
        raise ValueError("a URL such as s3://bucket/folder")
    return value


def mapping(value: Any) -> dict[str, Any]:
    """Accept a mapping, or its JSON text. The result is a copy."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except json.JSONDecodeError:
            raise ValueError("a mapping, or a JSON object") from None
    if isinstance(value, Mapping):
        return dict(value)
    raise ValueError("a mapping, or a JSON object")


def text_mapping(key: str, value: str) -> Parser:
    """Return a parser for mappings of one text to another, or their JSON text.

    Args:
        key: what the keys are, for the error message.
        value: what the values are.
    """
    allowed = f"a mapping of texts, {key} to {value}, or its JSON text"

    def parse(raw: Any) -> dict[str, str]:
        try:
            result = mapping(raw)
        except ValueError:
            raise ValueError(allowed) from None
        texts = [text for pair in result.items() for text in pair]
        if not all(isinstance(text, str) and text for text in texts):
            raise ValueError(allowed)
        return result

    return parse


RewriteRules = list[tuple["re.Pattern[str]", str]]


def rewrite_rules(value: Any) -> RewriteRules:
    """Accept URL rewrite rules in each documented form.

    Args:
        value: a mapping regex -> replacement, its JSON text, or a list of pairs whose
            first part is a regular expression as text or compiled. Pairs of other types
            in a mapping are dropped, as they always were.
    """
    if isinstance(value, str):
        value = mapping(value) if value.strip() else {}
    if isinstance(value, Mapping):
        value = [
            pair
            for pair in value.items()
            if isinstance(pair[0], (str, re.Pattern)) and isinstance(pair[1], str)
        ]
    if not isinstance(value, (list, tuple)):
        raise ValueError("a mapping regex -> replacement, or a list of such pairs")
    try:
        return [(re.compile(pattern), replacement) for pattern, replacement in value]
    except (re.error, TypeError, ValueError) as err:
        raise ValueError(f"pairs of a regular expression and a text ({err})") from None


def anything(value: Any) -> Any:
    """Accept every value (the library that owns the setting checks it)."""
    return value


def _bounds_text(minimum: float | None, maximum: float | None) -> str:
    if minimum is not None and maximum is not None:
        return f" from {minimum} to {maximum}"
    if minimum is not None:
        return f" of at least {minimum}"
    if maximum is not None:
        return f" of at most {maximum}"
    return ""


def _within(value: Any, minimum: Any, maximum: Any, allowed: str) -> Any:
    if value != value or (minimum is not None and value < minimum):
        raise ValueError(allowed)
    if maximum is not None and value > maximum:
        raise ValueError(allowed)
    return value
