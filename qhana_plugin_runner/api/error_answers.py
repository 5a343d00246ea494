# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""How errors become answers: JSON for programs, a small page for browsers.

All errors have one shape: ``code`` and ``status`` always, ``message`` if there is one,
``errors`` for fields (location, then field, then messages).
"""

from __future__ import annotations

import logging
from typing import Any

from flask import Flask, Response, jsonify, request
from gunicorn.http.errors import (
    ChunkMissingTerminator,
    InvalidChunkSize,
    NoMoreData,
    ParseException,
)
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from werkzeug.exceptions import HTTPException, SecurityError
from werkzeug.http import HTTP_STATUS_CODES

from qhana_plugin_runner.babel import N_, gettext
from qhana_plugin_runner.db import DB
from qhana_plugin_runner.errors import QHAnaError
from qhana_plugin_runner.frontend.pages import render_error_page

_LOGGER = logging.getLogger("qhana_plugin_runner.api")
_RETRY_AFTER_SECONDS = "5"
# A table that is missing: PostgreSQL's state and MySQL's number.
_UNDEFINED_TABLE = "42P01"
_NO_SUCH_TABLE = 1146

# Pages show these translated; in JSON the phrase is one of HTTP and never changes.
_PHRASES = (
    N_("Bad Request"),
    N_("Unauthorized"),
    N_("Forbidden"),
    N_("Not Found"),
    N_("Method Not Allowed"),
    N_("Not Acceptable"),
    N_("Request Timeout"),
    N_("Conflict"),
    N_("Gone"),
    N_("Precondition Failed"),
    N_("Request Entity Too Large"),
    N_("Request URI Too Long"),
    N_("Unsupported Media Type"),
    N_("Requested Range Not Satisfiable"),
    N_("Unprocessable Entity"),
    N_("Locked"),
    N_("Too Many Requests"),
    N_("Internal Server Error"),
    N_("Bad Gateway"),
    N_("Service Unavailable"),
    N_("Gateway Timeout"),
    N_("Insufficient Storage"),
)


def init_app(app: Flask) -> None:
    """Register the error handlers of the runner; plugins share them."""
    app.register_error_handler(HTTPException, _handle_http_exception)
    app.register_error_handler(QHAnaError, _handle_runner_error)
    app.register_error_handler(DBAPIError, _handle_database_error)
    app.register_error_handler(PoolTimeoutError, _handle_database_error)
    app.register_error_handler(RecursionError, _handle_recursion)
    for error in (ParseException, InvalidChunkSize, ChunkMissingTerminator, NoMoreData):
        app.register_error_handler(error, _handle_broken_body)


def prefers_html() -> bool:
    """Return whether the client of this request asks for a page rather than for JSON."""
    accepted = request.accept_mimetypes
    return accepted["text/html"] > accepted["application/json"]


def error_answer(
    code: int,
    message: str | None = None,
    errors: Any = None,
    headers: Any = None,
    status: str | None = None,
) -> Response:
    """Return the answer for an error.

    Args:
        code: HTTP status code.
        message: one sentence for people.
        errors: messages by location and field.
        headers: additional headers.
        status: the reason phrase, default is the standard one.
    """
    status = status or HTTP_STATUS_CODES.get(code, "Unknown Error")
    # A page contains URLs, which cannot be built for a host that is not trusted.
    has_urls = not isinstance(request.routing_exception, SecurityError)
    if prefers_html() and has_urls:
        text = message or _sentence(errors)
        page = render_error_page(code, gettext(status), text)
        response = Response(page, mimetype="text/html")
    else:
        body: dict[str, Any] = {"code": code, "status": status}
        if message is not None:
            body["message"] = message
        if errors is not None:
            body["errors"] = errors
        response = jsonify(body)
    response.status_code = code
    response.headers.update(headers or {})
    response.vary.update(["Accept", "Accept-Language"])
    if code == 503:
        response.headers.setdefault("Retry-After", _RETRY_AFTER_SECONDS)
    return response


def _sentence(errors: Any) -> str:
    if not isinstance(errors, dict):
        return ""
    parts = []
    for fields in errors.values():
        if isinstance(fields, dict):
            for name, messages in fields.items():
                texts = messages if isinstance(messages, list) else [messages]
                parts.append(f"{name}: {' '.join(map(str, texts))}")
    return " ".join(parts)


def _handle_http_exception(error: HTTPException) -> Any:
    if error.response is not None:
        return error.response
    code = error.code or 500
    data = getattr(error, "data", None) or {}
    headers = dict(data.get("headers") or {})
    for name, value in error.get_headers():
        if name not in ("Content-Type", "Content-Length"):
            headers.setdefault(name, value)
    return error_answer(
        code,
        message=data.get("message"),
        errors=data.get("errors", data.get("messages")),
        headers=headers,
        status=error.name,
    )


def _handle_runner_error(error: QHAnaError) -> Response:
    if error.http_status >= 500:
        _LOGGER.error("%s", error, exc_info=error)
    # What failed inside is the operator's business.
    message = None if error.http_status == 500 else str(error)
    return error_answer(error.http_status, message=message)


def _handle_database_error(error: DBAPIError | PoolTimeoutError) -> Response:
    DB.session.rollback()
    if _is_missing_table(error):
        _LOGGER.error("A table is missing, run flask db upgrade: %s", error)
        message = gettext("A table is missing in the database. Run flask db upgrade.")
        return error_answer(503, message=message)
    is_away = isinstance(error, (OperationalError, InterfaceError, PoolTimeoutError))
    if is_away or getattr(error, "connection_invalidated", False):
        _LOGGER.error("The database does not answer: %s", error)
        message = gettext("The database does not answer. Try again later.")
        return error_answer(503, message=message)
    _LOGGER.error("The database refused a statement.", exc_info=error)
    return error_answer(500)


def _is_missing_table(error: DBAPIError | PoolTimeoutError) -> bool:
    """Tell whether the driver of SQLite, PostgreSQL or MySQL says so."""
    cause = getattr(error, "orig", None)
    state = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)
    return (
        str(cause).startswith("no such table")
        or state == _UNDEFINED_TABLE
        or getattr(cause, "args", ())[:1] == (_NO_SUCH_TABLE,)
    )


def _handle_recursion(error: RecursionError) -> Response:
    _LOGGER.error("A request led to endless recursion.", exc_info=error)
    return error_answer(500)


def _handle_broken_body(error: Exception) -> Response:
    """Answer a body in chunks that are none, which gunicorn finds out while reading."""
    return error_answer(400, message=gettext("The body of the request is malformed."))
