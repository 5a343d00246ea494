# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Giving out access tokens and taking them back."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import timedelta

import sqlalchemy as sa
from flask_jwt_extended import create_access_token

from .api import revocation
from .db import DB
from .db.models.access_tokens import AccessToken
from .db.models.base import utc_now
from .errors import AccessTokenError
from .identity import MAX_SUBJECT_LENGTH
from .service_token import issuer_and_audience

MAX_DESCRIPTION_LENGTH = 500


def create_token(
    subject: str, lifetime: timedelta, is_admin: bool = False, description: str = ""
) -> tuple[AccessToken, str]:
    """Make a token, note it and commit.

    Args:
        subject: whom the token speaks for.
        lifetime: how long it is valid.
        is_admin: whether its bearer may see the tasks of all people.
        description: what it is for.

    Returns:
        The row, and the token, which is kept nowhere.

    Raises:
        AccessTokenError: one of the texts cannot be stored, or the time is not positive.
    """
    if not 0 < len(subject) <= MAX_SUBJECT_LENGTH or not subject.isprintable():
        raise AccessTokenError(
            f"A subject has 1 to {MAX_SUBJECT_LENGTH} printable characters."
        )
    if len(description) > MAX_DESCRIPTION_LENGTH or "\x00" in description:
        raise AccessTokenError(
            f"A description has at most {MAX_DESCRIPTION_LENGTH} characters."
        )
    if lifetime <= timedelta(0):
        raise AccessTokenError("The lifetime of a token must be longer than nothing.")
    row = AccessToken(
        jti=secrets.token_hex(16),
        subject=subject,
        expires_at=utc_now() + lifetime,
        is_admin=is_admin,
        description=description,
    )
    claims = {"jti": row.jti, **issuer_and_audience()}
    if is_admin:
        claims["admin"] = True
    token = create_access_token(subject, expires_delta=lifetime, additional_claims=claims)
    row.save(commit=True)
    return row, token


def list_tokens() -> Sequence[AccessToken]:
    """Return all tokens that were given out, the newest first."""
    return DB.session.scalars(
        sa.select(AccessToken).order_by(AccessToken.id.desc())
    ).all()


def revoke_token(token_id: int) -> AccessToken:
    """Take a token back and commit; every process refuses it within seconds.

    Raises:
        AccessTokenError: there is no token with that number.
    """
    row = DB.session.get(AccessToken, token_id)
    if row is None:
        raise AccessTokenError(f"There is no token with the number {token_id}.")
    if row.revoked_at is None:
        row.revoked_at = utc_now()
    row.save(commit=True)
    revocation.forget()
    return row
