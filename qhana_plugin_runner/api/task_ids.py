# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The ids of tasks in URLs: numbers that nobody can guess.

The number in a task's URL is the id of its row, encrypted with a key derived from
``SECRET_KEY``: one AES block of 64 zero bits and the 64 bits of the id, written in
decimal. So URLs keep their shape, nothing more is stored, all processes with one key
agree, and only one of 2^64 numbers is a task at all. Whoever knows such a URL may use the
task. With ``TASK_IDS`` set to ``plain`` the number is the id itself.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from flask import Flask, Request, current_app, request
from werkzeug.routing import BaseConverter, IntegerConverter

from qhana_plugin_runner.identity import tokens_are_required
from qhana_plugin_runner.util.request_hooks import UrlValues, request_hooks

#: What plugins call the id of a task in their routes.
TASK_ARGUMENTS = ("db_id", "task_id")

_EXTENSION = "qhana-task-ids"
_FLAG = "qhana.task_is_capability"
_BLOCK_BYTES = 16
_ID_BYTES = 8
_KEPT = 1024


class TaskRef(NamedTuple):
    """What the number in the URL of a task stands for.

    Attributes:
        row_id: id of the row, which need not exist.
        is_capability: the number is one that only this runner can have made.
    """

    row_id: int
    is_capability: bool


class TaskIds:
    """The numbers in the task URLs of one app.

    Args:
        secret: the ``SECRET_KEY`` of the app.
        opaque: whether the numbers are encrypted.
    """

    def __init__(self, secret: str | bytes, opaque: bool) -> None:
        self.opaque = opaque
        secret = secret.encode() if isinstance(secret, str) else secret
        key = HKDF(SHA256(), length=32, salt=None, info=b"qhana task ids")
        # A single block needs no mode: this is the bare permutation of 128-bit numbers.
        self._cipher = Cipher(
            algorithms.AES(key.derive(secret)), modes.ECB()  # nosec B305
        )
        # Clients poll: the same few ids come again and again.
        self.to_text = lru_cache(_KEPT)(self._to_text)
        self.from_text = lru_cache(_KEPT)(self._from_text)

    def _to_text(self, row_id: int) -> str:
        """Return the number of a row for its URL."""
        if not self.opaque:
            return str(row_id)
        block = row_id.to_bytes(_BLOCK_BYTES, "big")
        return str(int.from_bytes(self._cipher.encryptor().update(block), "big"))

    def _from_text(self, text: str) -> TaskRef:
        """Return what a number in a URL stands for.

        Args:
            text: 1 to 39 ASCII digits.
        """
        number = int(text)
        if not self.opaque or number >> (8 * _BLOCK_BYTES):
            return TaskRef(number, False)
        block = number.to_bytes(_BLOCK_BYTES, "big")
        row_id = int.from_bytes(self._cipher.decryptor().update(block), "big")
        if row_id >> (8 * _ID_BYTES):
            return TaskRef(number, False)
        return TaskRef(row_id, True)

    def parameter_schema(self, _converter: BaseConverter) -> dict[str, Any]:
        """Return the schema of the path parameter."""
        if self.opaque:
            return {"type": "string", "pattern": "^[0-9]{1,39}$"}
        return {"type": "integer", "minimum": 0}


class TaskIdConverter(BaseConverter):
    """``<task:task_id>`` in URL rules; views get the id of the row."""

    regex = "[0-9]{1,39}"
    # Preferred to rules with any text there, as ``<int:…>`` is.
    weight = IntegerConverter.weight

    def to_python(self, value: str) -> TaskRef:
        """Return what the number in a URL stands for."""
        return current_task_ids().from_text(value)

    def to_url(self, value: Any) -> str:
        """Return the number for a row's id (a number or its text)."""
        text = str(value)
        if not (text.isascii() and text.isdigit()):
            return super().to_url(text)  # a placeholder, not an id
        return current_task_ids().to_text(int(text))


def init_app(app: Flask) -> None:
    """Use the converter in the URL rules of an app."""
    # Where tokens are required, the URL of a task replaces the token for reading it.
    opaque = tokens_are_required(app) or app.config.get("TASK_IDS") == "opaque"
    app.extensions[_EXTENSION] = TaskIds(app.config.get("SECRET_KEY") or b"", opaque)
    app.url_map.converters["task"] = TaskIdConverter
    request_hooks(app).unwrap(_unwrap)


def task_ids_of(app: Flask) -> TaskIds:
    """Return the numbers of an app."""
    return app.extensions[_EXTENSION]


def current_task_ids() -> TaskIds:
    """Return the numbers of the current app."""
    return current_app.extensions[_EXTENSION]


def task_is_capability() -> bool:
    """Return whether the URL of this request gives the right to use its task."""
    return bool(request.environ.get(_FLAG)) or not current_task_ids().opaque


def _unwrap(request: Request, values: UrlValues) -> None:
    ref = values.get("task_id")
    if isinstance(ref, TaskRef):
        # Database drivers do not take kinds of numbers that they do not know.
        values["task_id"] = ref.row_id
        request.environ[_FLAG] = ref.is_capability
