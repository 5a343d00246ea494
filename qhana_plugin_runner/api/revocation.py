# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Which tokens were taken back; every process knows within seconds."""

from __future__ import annotations

import time
from dataclasses import dataclass

import sqlalchemy as sa
from flask import Flask, current_app

from qhana_plugin_runner.db.models.access_tokens import AccessToken
from qhana_plugin_runner.db.models.base import UTCDateTime, utc_now
from qhana_plugin_runner.db.single_statements import SingleStatement

#: How long a process may not know of a revocation.
SECONDS_UNKNOWN = 5.0

_EXTENSION = "qhana-revoked-tokens"

_REVOKED = SingleStatement(
    sa.select(AccessToken.jti).where(
        AccessToken.revoked_at.is_not(None),
        AccessToken.expires_at > sa.bindparam("now", type_=UTCDateTime()),
    )
)


@dataclass
class _Revoked:
    names: frozenset[str] = frozenset()
    read_at: float = float("-inf")


def init_app(app: Flask) -> None:
    """Start with nothing known."""
    app.extensions[_EXTENSION] = _Revoked()


def is_revoked(jti: object) -> bool:
    """Return whether the token of that name was taken back.

    Reads the names of all revoked tokens every few seconds, in one statement.
    """
    known: _Revoked = current_app.extensions[_EXTENSION]
    now = time.monotonic()
    if now - known.read_at > SECONDS_UNKNOWN:
        # Not by a connection of its own: if there is only one, closing it would take back
        # what the view has not committed.
        known.names = frozenset(jti for (jti,) in _REVOKED.rows({"now": utc_now()}))
        known.read_at = now
    return isinstance(jti, str) and jti in known.names


def forget() -> None:
    """Read the names again at the next question (this process has changed them)."""
    current_app.extensions[_EXTENSION] = _Revoked()
