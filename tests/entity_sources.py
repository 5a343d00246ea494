# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Things that entities can be loaded from, for the tests of reading and writing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from io import BytesIO, StringIO
from typing import Any

from requests import Response
from requests.utils import get_encoding_from_headers

from qhana_plugin_runner.plugin_utils.entity_marshalling import save_entities


def response_of(
    body: bytes, content_type: str | None = None, streamed: bool = False
) -> Response:
    """Get the response that requests would build for a body."""
    response = Response()
    response.status_code = 200
    if content_type is not None:
        response.headers["Content-Type"] = content_type
    response.encoding = get_encoding_from_headers(response.headers)
    response.raw = BytesIO(body)
    if not streamed:
        assert response.content == body
    return response


class KeepsLineEnds:
    """A source like those in existing tests: its lines keep their ends."""

    def __init__(self, text: str) -> None:
        self.text = text

    def json(self) -> Any:
        return json.loads(self.text)

    def iter_lines(
        self,
        chunk_size: int = 512,
        decode_unicode: bool = False,
        delimiter: Any = None,
    ) -> Iterator[str]:
        yield from StringIO(self.text, newline="")


class DropsLineEnds(KeepsLineEnds):
    """A source whose lines are bytes without their ends."""

    def iter_lines(
        self,
        chunk_size: int = 512,
        decode_unicode: bool = False,
        delimiter: Any = None,
    ) -> Iterator[Any]:
        for line in self.text.encode().split(b"\n"):
            if line:
                yield line


def saved(entities: Any, mimetype: str, **kwargs: Any) -> str:
    """Get what save_entities writes."""
    file_ = StringIO(newline="")
    save_entities(entities, file_, mimetype, **kwargs)
    return file_.getvalue()
