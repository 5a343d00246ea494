# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""JSON web tokens: the ``JWT`` handle, its error answers and the check for views.

Tokens are optional on all bundled routes. A token that is sent must be valid, though:
everything else is answered with 401 (RFC 6750, section 3), never with an internal error.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Flask, jsonify
from flask.typing import ResponseReturnValue
from flask_jwt_extended import JWTManager, jwt_required

from qhana_plugin_runner.babel import gettext

JWT = JWTManager()

SECURITY_SCHEMES: dict[str, dict[str, str]] = {
    "jwt": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "An access token.",
    },
    "jwt-refresh-token": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "A refresh token; it can only be used to get new access tokens.",
    },
}


@dataclass(frozen=True)
class DemoUser:
    """The user a token speaks for. There is no table of users.

    Attributes:
        username: the identity (claim ``sub``) of the token.
    """

    username: str


def init_app(app: Flask) -> None:
    """Bind token handling and its error answers to an app."""
    JWT.init_app(app)


def require_jwt(
    scheme: str = "jwt",
    *,
    fresh: bool = False,
    optional: bool = False,
    refresh_token: bool = False,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorate a view that reads the token of its request.

    Args:
        scheme: key of :data:`SECURITY_SCHEMES` that documents the token.
        fresh: only tokens that come directly from a log-in are valid.
        optional: a request without token reaches the view as well.
        refresh_token: the token must be a refresh token.

    Raises:
        ValueError: if the scheme is unknown.
    """
    if scheme not in SECURITY_SCHEMES:
        known = ", ".join(SECURITY_SCHEMES)
        raise ValueError(f"There is no security scheme {scheme!r}; known are: {known}.")
    return jwt_required(optional=optional, fresh=fresh, refresh=refresh_token)


@JWT.user_identity_loader
def _identity(user: DemoUser | str) -> str:
    return user.username if isinstance(user, DemoUser) else user


@JWT.user_lookup_loader
def _user(header: dict[str, Any], claims: dict[str, Any]) -> DemoUser:
    return DemoUser(username=str(claims["sub"]))


@JWT.unauthorized_loader
def _missing_token(reason: str) -> ResponseReturnValue:
    message = gettext("A token is needed: %(reason)s.", reason=reason.rstrip("."))
    return _unauthorized(message, "Bearer")


@JWT.invalid_token_loader
def _invalid_token(reason: str) -> ResponseReturnValue:
    return _unauthorized(gettext("The token is not valid: %(reason)s.", reason=reason))


@JWT.expired_token_loader
@JWT.revoked_token_loader
@JWT.needs_fresh_token_loader
@JWT.user_lookup_error_loader
@JWT.token_verification_failed_loader
def _refused_token(header: dict[str, Any], claims: dict[str, Any]) -> ResponseReturnValue:
    return _unauthorized(
        gettext("The token has expired or is not accepted here; get a new one.")
    )


def _unauthorized(
    message: str, challenge: str = 'Bearer error="invalid_token"'
) -> ResponseReturnValue:
    body = {"code": 401, "status": "Unauthorized", "message": message}
    return jsonify(body), 401, {"WWW-Authenticate": challenge}
