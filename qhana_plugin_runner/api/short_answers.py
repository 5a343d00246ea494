# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Answers that are complete when they are made, and are sent once.

Werkzeug copies and checks the headers of an answer once more when it is sent, because it
may be sent again for another request, and wraps its body to close what it came from.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask import Response
from werkzeug.datastructures import Headers

# Werkzeug makes absolute URLs of them.
_URL_HEADERS = frozenset(("location", "content-location"))


class ShortAnswer(Response):
    """The answer of one of the runner's own views to one request, held in memory."""

    def get_wsgi_headers(self, environ: dict[str, Any]) -> Headers:
        """Return the headers that are sent."""
        names = {name.lower() for name, _value in self.headers}
        if (
            self.status_code != 200
            or "content-length" not in names
            or not names.isdisjoint(_URL_HEADERS)
        ):
            return super().get_wsgi_headers(environ)
        return self.headers

    def get_app_iter(self, environ: dict[str, Any]) -> Iterable[bytes]:
        """Return what is sent as the body."""
        body = self.response
        if (
            self.status_code != 200
            or environ["REQUEST_METHOD"] == "HEAD"
            or self._on_close
            or type(body) is not list
            or not all(type(part) is bytes for part in body)
        ):
            return super().get_app_iter(environ)
        return body
