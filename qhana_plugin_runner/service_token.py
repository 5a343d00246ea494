# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""How the runner calls itself where tokens are required: with a token for minutes.

Plugins call other plugins of the same runner, and webhooks lead to plugins. Such a call
acts for whoever the calling request, task or subscription belongs to. The token is only
sent to URLs below the root that this somebody has used to reach the runner, and is taken
away when a redirect leads to another origin.
"""

from __future__ import annotations

import secrets
import time
from functools import lru_cache
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

import jwt
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from flask import current_app, url_for
from requests import PreparedRequest
from requests.auth import AuthBase
from werkzeug.routing import BuildError

from .identity import current_owner, tokens_are_required
from .url_adapters.addresses import DEFAULT_PORTS

#: Names the key of these tokens (header ``kid``).
INTERNAL_KEY_ID = "qhana-internal"
ALGORITHM = "HS256"
_SECONDS_VALID = 300


class ServiceAuth(AuthBase):
    """Adds a token that acts for somebody to one request."""

    def __init__(self, subject: str) -> None:
        self._subject = subject

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Add the token unless the request has one."""
        token = create_service_token(self._subject)
        request.headers.setdefault("Authorization", f"Bearer {token}")
        return request


def auth_for(url: str) -> ServiceAuth | None:
    """Return what authorises a call of the current request or task.

    Args:
        url: the URL that is called.

    Returns:
        ``None`` if the URL is none of this runner, or no token is needed or to be had.
    """
    subject = current_owner()
    if subject is None or not tokens_are_required():
        return None
    try:
        root = url_for("api-root.RootView", _external=True)
    except (BuildError, RuntimeError):
        return None  # nobody knows under which URL this runner is reached
    return ServiceAuth(subject) if _is_below(url, root) else None


def webhook_auth(webhook: str, task: str, subscriber: str | None) -> ServiceAuth | None:
    """Return what authorises the call of a webhook that leads to this runner.

    Args:
        webhook: the URL that is called.
        task: URL of the task as the subscriber knows it; it tells the runner's origin.
        subscriber: whom the call is made for.
    """
    if subscriber is None or not tokens_are_required():
        return None
    root = task.rpartition("/tasks/")[0] + "/"
    return ServiceAuth(subscriber) if _is_below(webhook, root) else None


def create_service_token(subject: str) -> str:
    """Return a token that acts for somebody for some minutes."""
    now = int(time.time())
    claims: dict[str, Any] = {
        "sub": subject,
        "type": "access",
        "fresh": False,
        "jti": secrets.token_hex(16),
        "iat": now,
        "exp": now + _SECONDS_VALID,
        **issuer_and_audience(),
    }
    headers = {"kid": INTERNAL_KEY_ID}
    return jwt.encode(claims, internal_key(), algorithm=ALGORITHM, headers=headers)


def issuer_and_audience() -> dict[str, Any]:
    """Return the claims that a token of the runner's own needs to be accepted here."""
    config = current_app.config
    issuer, audience = config.get("JWT_DECODE_ISSUER"), config.get("JWT_DECODE_AUDIENCE")
    return {k: v for k, v in (("iss", issuer), ("aud", audience)) if v}


def internal_key() -> bytes:
    """Return the key of the tokens of this module."""
    secret = current_app.config.get("SECRET_KEY") or b""
    return _derived(secret.encode() if isinstance(secret, str) else secret)


@lru_cache(maxsize=8)
def _derived(secret: bytes) -> bytes:
    info = b"qhana service tokens"
    return HKDF(SHA256(), length=32, salt=None, info=info).derive(secret)


def _is_below(url: str, root: str) -> bool:
    try:
        target, base = urlsplit(url), urlsplit(root)
        same_origin = _origin(target) == _origin(base)
    except ValueError:
        return False
    # Libraries disagree on what these mean, and a path with dots may lead out again.
    is_odd = "@" in target.netloc or "\\" in url or not url.isprintable()
    has_dots = bool({".", ".."} & set(unquote(target.path).split("/")))
    is_below = same_origin and target.path.startswith(base.path)
    return is_below and not is_odd and not has_dots


def _origin(url: SplitResult) -> tuple[str, str | None, int | None]:
    return url.scheme, url.hostname, url.port or DEFAULT_PORTS.get(url.scheme)
