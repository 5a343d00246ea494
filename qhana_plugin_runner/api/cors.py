# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Cross-origin access: pages of all origins may read all answers, without credentials.

Micro frontends are shown by hosts of other origins, which fetch from each other. Every
answer names ``*``; a preflight names the origin that asks and what it asks for.
The setting ``CORS_ORIGINS`` limits this to a list of origins.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from flask import Flask, Request, Response
from werkzeug.routing import RequestRedirect

from qhana_plugin_runner.request_ids import HTTP_HEADER
from qhana_plugin_runner.util.request_hooks import request_hooks

ALL_ORIGINS = "*"
METHODS = "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"

_ALLOW_ORIGIN = "Access-Control-Allow-Origin"
_FOR_ALL = {_ALLOW_ORIGIN: ALL_ORIGINS}
_EXPOSED = {"Access-Control-Expose-Headers": HTTP_HEADER}


def init_app(app: Flask) -> None:
    """Answer preflights; ``browser_rules`` adds the headers to all answers."""
    request_hooks(app).before(_answer_redirected_preflight)


def _is_preflight(request: Request) -> bool:
    return (
        request.method == "OPTIONS"
        and "Origin" in request.headers
        and "Access-Control-Request-Method" in request.headers
    )


def _answer_redirected_preflight(_app: Flask, request: Request) -> Response | None:
    # Browsers follow a redirect, but not as the answer to a preflight.
    if _is_preflight(request) and isinstance(request.routing_exception, RequestRedirect):
        return Response(status=200)
    return None


def _allowed_origin(
    allowed: str | Collection[str], origin: str | None, is_preflight: bool
) -> str | None:
    if allowed == ALL_ORIGINS or ALL_ORIGINS in allowed:
        return origin if origin and is_preflight else ALL_ORIGINS
    origins = [allowed] if isinstance(allowed, str) else allowed
    return origin if origin in origins else None


def answer_headers(
    app: Flask, request: Request, response: Response
) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Return the headers for an answer to a page of another origin.

    Returns:
        The headers that it must have, and those that the view may have set.
    """
    origins = app.config.get("CORS_ORIGINS") or ALL_ORIGINS
    origin = request.environ.get("HTTP_ORIGIN")
    if origin is None and origins == ALL_ORIGINS:
        return _FOR_ALL, _EXPOSED
    if origin is not None:
        response.vary.add("Origin")
    is_preflight = _is_preflight(request)
    allowed = _allowed_origin(origins, origin, is_preflight)
    if allowed is None:
        return {}, {}
    fixed = {_ALLOW_ORIGIN: allowed}
    if not is_preflight:
        return fixed, _EXPOSED
    fixed["Access-Control-Allow-Methods"] = METHODS
    requested = request.headers.get("Access-Control-Request-Headers")
    if requested:
        fixed["Access-Control-Allow-Headers"] = requested
    return fixed, {}
