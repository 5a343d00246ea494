# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""What is refused before any view sees it: bodies and queries that are too long.

``MAX_CONTENT_LENGTH`` limits every body, ``MAX_FORM_MEMORY_SIZE`` those that are held in
memory as a whole (JSON and forms without files). Uploaded files go to the disk while they
are received. Bodies without a declared length are counted while they are read (see
``request_data``).
"""

from __future__ import annotations

from flask import Flask, Request
from webargs.core import is_json
from webargs.flaskparser import abort

from qhana_plugin_runner.babel import gettext
from qhana_plugin_runner.util.request_hooks import request_hooks

URLENCODED = "application/x-www-form-urlencoded"
MAX_QUERY_BYTES = 1 << 16


def init_app(app: Flask) -> None:
    """Check all requests of an app."""
    request_hooks(app).before(_refuse_long_requests)


def _refuse_long_requests(_app: Flask, request: Request) -> None:
    environ = request.environ
    if len(environ.get("QUERY_STRING", "")) > MAX_QUERY_BYTES:
        message = gettext("A query has at most %(number)s bytes.", number=MAX_QUERY_BYTES)
        abort(414, message=message)
    length = "CONTENT_LENGTH" in environ and request.content_length
    if not length:
        return
    limits = [request.max_content_length]
    if request.mimetype == URLENCODED or is_json(request.mimetype):
        limits.append(request.max_form_memory_size)
    limit = min((limit for limit in limits if limit is not None), default=None)
    if limit is not None and length > limit:
        abort(
            413, message=gettext("The body has at most %(number)s bytes.", number=limit)
        )
