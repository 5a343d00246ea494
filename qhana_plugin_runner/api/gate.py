# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The one place where it is decided who may send a request.

1. A token in the ``Authorization`` header, or else in the login cookie, is verified and
   tells for whom the request acts. A header that is not valid is answered with 401; a
   cookie that is not valid is dropped.
2. Where tokens are required, everything else is refused, except for what
   ``public_endpoints`` lists and URLs that contain a secret of their own.
3. A request with the cookie that changes something must come from a page of this origin.
4. Plugins are not asked about tasks of other people.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from flask import Flask, Request, current_app, redirect, request, url_for
from flask.typing import ResponseReturnValue
from webargs.flaskparser import abort
from werkzeug.exceptions import SecurityError
from werkzeug.routing import RequestRedirect
from werkzeug.urls import iri_to_uri

from qhana_plugin_runner.api import jwt
from qhana_plugin_runner.api.error_answers import error_answer, prefers_html
from qhana_plugin_runner.api.mounted import mounted_plugins
from qhana_plugin_runner.api.public_endpoints import (
    CAPABILITIES,
    FILE_ENDPOINT,
    METADATA_SETTING,
    TAG_PARAMETER,
    public_entry,
)
from qhana_plugin_runner.api.task_ids import TASK_ARGUMENTS, task_is_capability
from qhana_plugin_runner.babel import gettext
from qhana_plugin_runner.db import DB
from qhana_plugin_runner.db.models.base import MAX_ROW_ID
from qhana_plugin_runner.db.models.tasks import ProcessingTask
from qhana_plugin_runner.frontend.login import COOKIE, is_same_origin
from qhana_plugin_runner.identity import (
    current_identity,
    set_request_identity,
    tokens_are_required,
)
from qhana_plugin_runner.util.request_hooks import request_hooks

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_ROOT = "api-root.RootView"
_HEADER = "HTTP_AUTHORIZATION"


def init_app(app: Flask) -> None:
    """Check every request of an app."""
    request_hooks(app).before(check_request)


def check_request(app: Flask, request: Request) -> ResponseReturnValue | None:
    """Verify the token of the request; return an answer if it must go no further."""
    if request.method == "OPTIONS" and _is_automatic_options():
        return None
    entry = public_entry(request.endpoint or "")
    if entry is not None and entry.ignores_tokens:
        return None
    environ = request.environ
    has_token = _HEADER in environ and _identify_by_header()
    if not has_token and "HTTP_COOKIE" in environ and COOKIE in request.cookies:
        _identify_by_cookie()
    if not tokens_are_required(app):
        return None
    if current_identity() is None:
        return None if _needs_no_token() else _refuse()
    _hide_tasks_of_others()
    return None


def _is_automatic_options() -> bool:
    # Browsers send preflights without credentials.
    rule = request.url_rule
    return bool(getattr(rule, "provide_automatic_options", False))


def _bearer_token() -> str | None:
    scheme, _, token = request.environ.get(_HEADER, "").strip().partition(" ")
    return token.strip() if scheme == "Bearer" else None


def _identify_by_header() -> bool:
    """Verify the token in the header; returns whether there is one."""
    token = _bearer_token()
    if token is None:
        return False
    claims = jwt.verify(token, allow_refresh=jwt.takes_refresh_token(_view()))
    if claims["type"] == "access":
        set_request_identity(jwt.identity_of(claims))
    return True


def _view() -> Any:
    """Return the function that answers the request."""
    view = current_app.view_functions.get(request.endpoint or "")
    view_class = getattr(view, "view_class", None)
    return getattr(view_class, request.method.lower(), None) if view_class else view


def _identify_by_cookie() -> None:
    token = request.cookies[COOKIE]
    try:
        claims = jwt.verify(token)
    except jwt.TOKEN_ERRORS:
        return  # an old cookie; the login page replaces it
    if request.method not in _SAFE_METHODS and not is_same_origin():
        abort(
            403,
            message=gettext("Requests with a login cookie must come from this origin."),
        )
    # From here on it is a token like any other, also for the checks of plugins.
    request.environ[_HEADER] = f"Bearer {token}"
    set_request_identity(jwt.identity_of(claims))


def _needs_no_token() -> bool:
    endpoint = request.endpoint
    if endpoint is None:
        # Redirects to the slash at the end, and hosts that get no answer at all.
        return isinstance(request.routing_exception, (RequestRedirect, SecurityError))
    if endpoint == _ROOT:
        return not prefers_html()
    entry = public_entry(endpoint)
    if entry is not None:
        return entry.setting is None or bool(current_app.config.get(entry.setting))
    if request.method in CAPABILITIES.get(endpoint, ()):
        return task_is_capability()
    if endpoint == FILE_ENDPOINT:
        return TAG_PARAMETER in request.args
    return bool(current_app.config.get(METADATA_SETTING)) and _is_plugin_metadata()


def _is_plugin_metadata() -> bool:
    rule = request.url_rule
    if rule is None or request.method not in ("GET", "HEAD"):
        return False
    mounted = mounted_plugins().by_identifier.values()
    return rule.rule in {f"{plugin.url_prefix}/" for plugin in mounted}


def _refuse() -> ResponseReturnValue:
    if request.method == "GET" and prefers_html():
        path = request.full_path if request.query_string else request.path
        target = iri_to_uri(request.root_path + path)
        return redirect(url_for("login.show", next=target), 303)
    message = gettext("This needs an access token (header Authorization, scheme Bearer).")
    return error_answer(401, message, headers={"WWW-Authenticate": "Bearer"})


def _hide_tasks_of_others() -> None:
    """Answer 404 if the URL of a plugin's route names a task of somebody else."""
    arguments = request.view_args
    if not arguments or request.blueprint == "tasks-api":
        return
    for name in TASK_ARGUMENTS:
        text = str(arguments.get(name, ""))
        if not (text.isascii() and text.isdigit()) or int(text) > MAX_ROW_ID:
            continue
        query = sa.select(ProcessingTask.owner).where(ProcessingTask.id == int(text))
        owner, identity = DB.session.scalar(query), current_identity()
        if owner is not None and identity is not None and not identity.owns(owner):
            abort(404, message=gettext("Task not found."))
