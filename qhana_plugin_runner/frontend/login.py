# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Where people log in: a page that takes a token and keeps it in a cookie.

Scripts cannot read the cookie. A request with it that changes something must come from a
page of this origin, which browsers tell, so the forms of plugins need no hidden field.
"""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import urlsplit

from flask import (
    Blueprint,
    Flask,
    Response,
    current_app,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from webargs.flaskparser import abort

from ..api import jwt
from ..babel import gettext
from ..identity import current_identity

COOKIE = "qhana_access_token"

_LONGEST_TOKEN = 3500  # browsers keep cookies of 4096 bytes
_DEFAULT_SECONDS = 12 * 3600

LOGIN_BLP = Blueprint("login", __name__)


def init_app(app: Flask) -> None:
    """Register the page."""
    app.register_blueprint(LOGIN_BLP)


@LOGIN_BLP.get("/login/")
def show() -> Response:
    """The form, or who is logged in."""
    return _page(request.args.get("next"))


@LOGIN_BLP.post("/login/")
def log_in() -> Any:
    """Keep a valid token in the cookie, and go where the person wanted to go."""
    _require_same_origin()
    target = safe_target(request.form.get("next"))
    token = "".join(request.form.get("token", "").split())
    if not token or len(token) > _LONGEST_TOKEN:
        return _page(target, gettext("This is no token."), 400)
    try:
        claims = jwt.verify(token)
    except jwt.TOKEN_ERRORS:
        return _page(target, gettext("This token is not valid (any more)."), 401)
    seconds = int(claims.get("exp", time.time() + _DEFAULT_SECONDS) - time.time())
    response = redirect(target or _home(), 303)
    response.set_cookie(COOKIE, token, max_age=max(seconds, 1), **_cookie_options())
    return response


@LOGIN_BLP.post("/logout/")
def log_out() -> Any:
    """Delete the cookie."""
    _require_same_origin()
    response = redirect(url_for("login.show"), 303)
    response.delete_cookie(COOKIE, **_cookie_options())
    return response


def is_same_origin() -> bool:
    """Return whether a browser says that a page of this origin sent the request.

    Origins that ``CORS_ORIGINS`` names count as well, but not its ``*``.
    """
    if request.headers.get("Sec-Fetch-Site") in ("same-origin", "none"):
        return True
    origin = request.headers.get("Origin")
    own = request.host_url.rstrip("/")
    allowed = current_app.config.get("CORS_ORIGINS") or ()
    listed = [allowed] if isinstance(allowed, str) else list(allowed)
    if origin in (None, "null", "*"):
        return False
    if origin in listed:
        return True
    return origin == own and "Sec-Fetch-Site" not in request.headers


def safe_target(target: str | None) -> str | None:
    """Return a path of this origin that it is safe to redirect to, else ``None``."""
    if not target or not target.startswith("/") or not target.isprintable():
        return None
    # Browsers read "\\" as "/", and "//host" as another host.
    if "\\" in target or target.startswith("//") or " " in target:
        return None
    parts = urlsplit(target)
    return None if parts.scheme or parts.netloc else target


def _page(target: str | None, error: str = "", status: int = 200) -> Response:
    page = render_template(
        "qhana_runner/login.html",
        target=safe_target(target) or "",
        error=error,
        identity=current_identity(),
    )
    response = make_response(page, status)
    response.headers["Cache-Control"] = "no-store"
    response.headers["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; "
        "base-uri 'none'"
    )
    return response


def _home() -> str:
    return url_for("api-root.RootView")


def _require_same_origin() -> None:
    if not is_same_origin():
        abort(403, message=gettext("Log in and out on the login page itself."))


def _cookie_options() -> dict[str, Any]:
    same_site = current_app.config.get("LOGIN_COOKIE_SAMESITE", "Lax")
    return {
        "path": request.root_path + "/",
        "httponly": True,
        "secure": request.is_secure or same_site == "None",
        "samesite": same_site,
    }
