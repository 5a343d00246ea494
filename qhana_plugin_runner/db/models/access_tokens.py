# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The tokens that an operator has given out, so that they can be listed and revoked."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from ...identity import MAX_SUBJECT_LENGTH
from ..db import model
from .base import TABLE_OPTIONS, SavableMixin, UTCDateTime, short_text, utc_now


@model
class AccessToken(SavableMixin):
    """What is known of a token; the token itself is not kept.

    Attributes:
        id: number of the token, for people.
        jti: random text in the token that names it.
        subject: whom the token speaks for.
        expires_at: when it ends to be valid.
        is_admin: whether its bearer may see all tasks.
        description: what it is for.
        created_at: when it was made.
        revoked_at: when it was taken back, ``None`` if it was not.
    """

    __tablename__ = "AccessToken"
    __table_args__ = TABLE_OPTIONS

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    jti: Mapped[str] = mapped_column(short_text(64), unique=True)
    subject: Mapped[str] = mapped_column(short_text(MAX_SUBJECT_LENGTH), index=True)
    expires_at: Mapped[datetime] = mapped_column(UTCDateTime())
    is_admin: Mapped[bool] = mapped_column(default=False)
    description: Mapped[str] = mapped_column(short_text(500), default="")
    created_at: Mapped[datetime] = mapped_column(UTCDateTime(), default_factory=utc_now)
    revoked_at: Mapped[datetime | None] = mapped_column(
        UTCDateTime(), default=None, index=True
    )
