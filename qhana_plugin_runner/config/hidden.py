# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Which configuration values are secrets, and a configuration that does not show them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from flask import Config

from .settings import DEBUG_SECRET_KEY, SETTINGS

HIDDEN = "(hidden)"

_SECRET_SETTINGS = frozenset(setting.name for setting in SETTINGS if setting.secret)
# Only the end counts: JWT_TOKEN_LOCATION is no secret.
_SECRET_NAME = re.compile(
    r"(?:(?:secret|access|api|private)_?key|secret|passw(?:or)?d|pwd|token|credentials?)$"
    r"|^key$",
    re.IGNORECASE,
)
_WITH_USER = re.compile(r"(?<=://)[^\s/?#'\"<>@]*(?:@[^\s/?#'\"<>@]*)*@")
_SHORTEST = 6
"""Shorter values are not searched for in texts: they occur everywhere."""


class HidingConfig(Config):
    """The configuration of an app, whose ``repr`` shows no secrets."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {shown_config(self)!r}>"


def is_secret_name(name: Any) -> bool:
    """Tell whether a setting (or a key in one) of this name is a secret."""
    return isinstance(name, str) and (
        name in _SECRET_SETTINGS or _SECRET_NAME.search(name) is not None
    )


def shown_config(value: Any, name: Any = None) -> Any:
    """Return a copy of a configuration in which secrets are replaced.

    Args:
        value: the configuration, or a part of it.
        name: the name of the part.
    """
    if isinstance(value, str) and "://" in value:
        return _WITH_USER.sub(f"{HIDDEN}@", value)
    if value and is_secret_name(name):
        return HIDDEN
    if isinstance(value, Mapping):
        return {key: shown_config(part, key) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [shown_config(part) for part in value]
    return value


def secret_values(config: Mapping[str, Any]) -> set[str]:
    """Return the secrets of a configuration that may be searched for in texts."""
    found = set(_secrets(config))
    found.discard(DEBUG_SECRET_KEY)
    return {value for value in found if len(value) >= _SHORTEST}


def _secrets(value: Any, name: Any = None) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, part in value.items():
            yield from _secrets(part, key)
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from _secrets(part, name)
    elif isinstance(value, str) and "://" in value:
        yield from _passwords(value)
    elif isinstance(value, bytes) and is_secret_name(name):
        yield value.decode("latin-1")
    elif isinstance(value, str) and is_secret_name(name):
        yield value


def _passwords(url: str) -> Iterator[str]:
    try:
        password = urlsplit(url).password
    except ValueError:
        return
    if password:
        yield from (password, unquote(password))
