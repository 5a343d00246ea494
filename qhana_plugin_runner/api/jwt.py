# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""JSON web tokens: the ``JWT`` handle, its error answers and the check for views.

A token that is sent must be valid: everything else is answered with 401 (RFC 6750,
section 3), never with an internal error. Which requests need one says ``gate``.

A token is signed with ``SECRET_KEY`` (``JWT_ALGORITHM`` and ``JWT_SECRET_KEY`` or
``JWT_PUBLIC_KEY`` change that), by the runner itself for its own calls, or, with
``JWT_JWKS_URL``, by an identity provider. The algorithm decides which of these keys
counts, so a public key is never taken for a secret.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

import jwt as pyjwt
from flask import Flask, current_app, jsonify
from flask.typing import ResponseReturnValue
from flask_jwt_extended import JWTManager, decode_token, jwt_required
from flask_jwt_extended.config import config as jwt_config
from flask_jwt_extended.exceptions import JWTExtendedException, WrongTokenError

from qhana_plugin_runner.api import revocation
from qhana_plugin_runner.api.jwks import KEY_TYPE_OF_ALGORITHM, KeySet
from qhana_plugin_runner.babel import gettext
from qhana_plugin_runner.identity import MAX_SUBJECT_LENGTH, Identity
from qhana_plugin_runner.service_token import ALGORITHM as INTERNAL_ALGORITHM
from qhana_plugin_runner.service_token import INTERNAL_KEY_ID, internal_key
from qhana_plugin_runner.util.current import this_context, this_request

JWT = JWTManager()

#: What verifying a token may raise.
TOKEN_ERRORS = (pyjwt.PyJWTError, JWTExtendedException)

_EXTENSION = "qhana-jwks"
_TOKEN_TYPES = ("jwt", "at+jwt")
_REFRESH_MARK = "qhana_takes_refresh_token"

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
    revocation.init_app(app)
    url = app.config.get("JWT_JWKS_URL")
    app.extensions[_EXTENSION] = KeySet(url) if url else None
    if not app.config.get("JWT_DECODE_ALGORITHMS"):
        # All that the choice of the key can mean; it looks at the algorithm first.
        algorithms = {app.config["JWT_ALGORITHM"], INTERNAL_ALGORITHM}
        algorithms |= set(KEY_TYPE_OF_ALGORITHM) if url else set()
        app.config["JWT_DECODE_ALGORITHMS"] = sorted(algorithms)


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
    check = jwt_required(optional=optional, fresh=fresh, refresh=refresh_token)

    def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
        checked = check(view)

        @wraps(view)
        def call(*args: Any, **kwargs: Any) -> Any:
            if optional and _sends_no_token():
                return current_app.ensure_sync(view)(*args, **kwargs)
            return checked(*args, **kwargs)

        setattr(call, _REFRESH_MARK, refresh_token)
        return call

    return decorate


def _sends_no_token() -> bool:
    """Return whether the request has no token, as most have where none is needed.

    Then the context is what ``verify_jwt_in_request(optional=True)`` leaves behind after
    it has looked in all places.
    """
    settings = current_app.config
    if (
        "HTTP_AUTHORIZATION" in this_request().environ
        or tuple(settings["JWT_TOKEN_LOCATION"]) != ("headers",)
        or settings["JWT_HEADER_NAME"] != "Authorization"
    ):
        return False
    context = this_context()
    context._jwt_extended_jwt = {}
    context._jwt_extended_jwt_header = {}
    context._jwt_extended_jwt_user = {"loaded_user": None}
    context._jwt_extended_jwt_location = None
    return True


def takes_refresh_token(view: Callable[..., Any] | None) -> bool:
    """Return whether :func:`require_jwt` makes a view expect a refresh token."""
    return bool(getattr(view, _REFRESH_MARK, False))


def verify(token: str, allow_refresh: bool = False) -> dict[str, Any]:
    """Return the claims of a token that is valid here.

    Args:
        token: the encoded token.
        allow_refresh: a refresh token will do as well.

    Raises:
        one of ``TOKEN_ERRORS``, which become 401.
    """
    try:
        claims = decode_token(token)
        header = pyjwt.get_unverified_header(token)
    except (pyjwt.InvalidTokenError, JWTExtendedException):
        raise
    except (
        pyjwt.PyJWTError,
        *(ArithmeticError, AttributeError, LookupError, RecursionError, TypeError),
        ValueError,
    ) as err:  # claims of any type and size
        raise pyjwt.InvalidTokenError("it is malformed") from err
    if claims["type"] != "access" and not (allow_refresh and claims["type"] == "refresh"):
        raise WrongTokenError("an access token is needed here")
    if not _is_acceptable(header, claims):
        raise pyjwt.InvalidTokenError("its claims are not accepted here")
    if _is_revoked(header, claims):
        raise pyjwt.InvalidTokenError("it has been revoked")
    return claims


def identity_of(claims: dict[str, Any]) -> Identity:
    """Return whom verified claims speak for."""
    roles: list[Any] = []
    for name in ("role", "roles"):
        value = claims.get(name)
        roles += value if isinstance(value, list) else [value]
    is_admin = claims.get("admin") is True or "admin" in roles
    return Identity(claims[jwt_config.identity_claim_key], is_admin)


@JWT.decode_key_loader
def _decode_key(header: dict[str, Any], claims: dict[str, Any]) -> Any:
    kind, algorithm = header.get("typ"), header.get("alg")
    if kind is not None and str(kind).lower() not in _TOKEN_TYPES:
        raise pyjwt.InvalidTokenError("it is of another type")
    if header.get("kid") == INTERNAL_KEY_ID and algorithm == INTERNAL_ALGORITHM:
        return internal_key()
    keys: KeySet | None = current_app.extensions[_EXTENSION]
    if keys is not None and algorithm in KEY_TYPE_OF_ALGORITHM:
        return keys.key(header.get("kid"), algorithm)
    if algorithm != jwt_config.algorithm:
        raise pyjwt.InvalidAlgorithmError("its algorithm is not accepted here")
    return jwt_config.decode_key


@JWT.token_verification_loader
def _is_acceptable(header: dict[str, Any], claims: dict[str, Any]) -> bool:
    subject = claims.get(jwt_config.identity_claim_key)
    if not isinstance(subject, str) or not 0 < len(subject) <= MAX_SUBJECT_LENGTH:
        return False
    return subject.isprintable()  # what databases and headers can hold


@JWT.token_in_blocklist_loader
def _is_revoked(header: dict[str, Any], claims: dict[str, Any]) -> bool:
    if header.get("kid") == INTERNAL_KEY_ID:
        return False  # nobody has ever seen its name
    return revocation.is_revoked(claims.get("jti"))


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
