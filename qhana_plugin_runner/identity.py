# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Who a request or a running task acts for; nobody if no token came along."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from flask import Flask, current_app, has_request_context, request

#: Longest name of an owner, in characters.
MAX_SUBJECT_LENGTH = 255

_ENVIRON_KEY = "qhana.identity"
_WORKER_IDENTITY: ContextVar[Identity | None] = ContextVar("identity", default=None)


def tokens_are_required(app: Flask | None = None) -> bool:
    """Return whether an app, by default the current one, wants a token from everybody."""
    return (app or current_app).config.get("AUTHENTICATION") == "required"


@dataclass(frozen=True)
class Identity:
    """Somebody who has shown a valid token.

    Attributes:
        subject: the name (claim ``sub``).
        is_admin: whether all tasks are theirs to see.
    """

    subject: str
    is_admin: bool = False

    def owns(self, owner: str | None) -> bool:
        """Return whether something of that owner is theirs to see and to change."""
        return self.is_admin or self.subject == owner


def current_identity() -> Identity | None:
    """Return who the current request, or the task that runs here, acts for."""
    if has_request_context():
        return request.environ.get(_ENVIRON_KEY)
    return _WORKER_IDENTITY.get()


def current_owner() -> str | None:
    """Return whom a row that is made now belongs to, ``None`` for nobody."""
    identity = current_identity()
    return None if identity is None else identity.subject


def set_request_identity(identity: Identity) -> None:
    """Note who the current request acts for."""
    request.environ[_ENVIRON_KEY] = identity


@contextmanager
def acting_for(subject: str | None) -> Iterator[None]:
    """Act for somebody while there is no request, as a worker does.

    Args:
        subject: whose rights count; nobody's if ``None``.
    """
    identity = None if subject is None else Identity(subject)
    token = _WORKER_IDENTITY.set(identity)
    try:
        yield
    finally:
        _WORKER_IDENTITY.reset(token)
