# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""JSON answers, written by orjson where it writes the values that Flask would write.

Plugins answer with whatever :func:`flask.jsonify` takes: numbers of any size, ``NaN``,
keys that are no text, named tuples, dates. Where orjson refuses a value or would change
it, the standard library writes the answer. The text may differ: orjson writes letters
beyond ASCII and the character 0x7f as they are, ``1e-7`` instead of ``1e-07``, and the
value of an ``Enum``, which the standard library refuses.
"""

from __future__ import annotations

from typing import Any

import orjson
from flask.json.provider import DefaultJSONProvider
from werkzeug.sansio.response import Response as AnyResponse

from .short_answers import ShortAnswer

_OPTIONS = (
    orjson.OPT_APPEND_NEWLINE
    # Flask writes dates for HTTP, and all fields of a dataclass.
    | orjson.OPT_PASSTHROUGH_DATETIME
    | orjson.OPT_PASSTHROUGH_DATACLASS
    # Subclasses (MultiDict, named tuples) may look different inside.
    | orjson.OPT_PASSTHROUGH_SUBCLASS
)


class RunnerJSONProvider(DefaultJSONProvider):
    """Flask's JSON with faster answers; reading and ``dumps()`` are Flask's own."""

    def response(self, *args: Any, **kwargs: Any) -> AnyResponse:
        """Return an answer with the arguments as JSON, see :func:`flask.jsonify`."""
        value = self._prepare_response_obj(args, kwargs)
        indented = self.compact is False or (self.compact is None and self._app.debug)
        body = self._fast_body(value, indented)
        if body is None:
            return super().response(*args, **kwargs)
        return ShortAnswer(body, mimetype=self.mimetype)

    def _fast_body(self, value: Any, indented: bool) -> bytes | None:
        """Return the value as JSON, ``None`` if the standard library has to write it."""
        options = _OPTIONS
        if self.sort_keys:
            options |= orjson.OPT_SORT_KEYS
        if indented:
            options |= orjson.OPT_INDENT_2
        try:
            body = orjson.dumps(value, default=self.default, option=options)
        except (TypeError, ValueError, RecursionError):
            return None
        # It also writes null for NaN and the infinities, which clients in Python know.
        return None if b"null" in body else body
