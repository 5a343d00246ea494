# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Cross-origin access: pages of all origins may read all answers, without credentials.

Micro frontends are shown by hosts of other origins, which fetch from each other. Every
answer names ``*``; a preflight names the origin that asks and what it asks for.
The setting ``CORS_ORIGINS`` limits this to a list of origins.
"""

from __future__ import annotations

from collections.abc import Collection

from flask import Flask, Request, Response, current_app
from werkzeug.routing import RequestRedirect

from qhana_plugin_runner.request_ids import HTTP_HEADER
from qhana_plugin_runner.util.current import this_request
from qhana_plugin_runner.util.headers import add_missing

ALL_ORIGINS = "*"
_EXPOSED = {"Access-Control-Expose-Headers": HTTP_HEADER}
METHODS = "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"


def init_app(app: Flask) -> None:
    """Add the headers to all answers of an app."""
    app.before_request(_answer_redirected_preflight)
    app.after_request(_add_headers)


def _is_preflight(request: Request) -> bool:
    return (
        request.method == "OPTIONS"
        and "Origin" in request.headers
        and "Access-Control-Request-Method" in request.headers
    )


def _answer_redirected_preflight() -> Response | None:
    # Browsers follow a redirect, but not as the answer to a preflight.
    request = this_request()
    if _is_preflight(request) and isinstance(request.routing_exception, RequestRedirect):
        return Response(status=200)
    return None


def _allowed_origin(origin: str | None, is_preflight: bool) -> str | None:
    allowed: str | Collection[str] = current_app.config.get("CORS_ORIGINS") or ALL_ORIGINS
    if allowed == ALL_ORIGINS or ALL_ORIGINS in allowed:
        return origin if origin and is_preflight else ALL_ORIGINS
    origins = [allowed] if isinstance(allowed, str) else allowed
    return origin if origin in origins else None


def _add_headers(response: Response) -> Response:
    request, headers = this_request(), response.headers
    origin, is_preflight = request.environ.get("HTTP_ORIGIN"), _is_preflight(request)
    if origin is not None:
        response.vary.add("Origin")
    allowed = _allowed_origin(origin, is_preflight)
    if allowed is None:
        return response
    headers["Access-Control-Allow-Origin"] = allowed
    if is_preflight:
        headers["Access-Control-Allow-Methods"] = METHODS
        requested = request.headers.get("Access-Control-Request-Headers")
        if requested:
            headers["Access-Control-Allow-Headers"] = requested
    else:
        add_missing(headers, _EXPOSED)
    return response
