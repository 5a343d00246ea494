# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Webhook calls that are still to be made."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from ...identity import MAX_SUBJECT_LENGTH
from ..db import model
from .base import (
    CLIENT_LENGTH,
    TABLE_OPTIONS,
    LongText,
    SavableMixin,
    UTCDateTime,
    short_text,
    utc_now,
)


@model
class WebhookDelivery(SavableMixin):
    """One call of a webhook; the row is deleted once the receiver has answered.

    Attributes:
        id: number of the delivery.
        delivery_key: random text that names the delivery to its receiver.
        task_id: the task that changed.
        webhook_href: URL to call.
        task_href: URL of the task as the subscriber knows it.
        event: what happened.
        created_at: when it happened.
        attempts: how often the call was tried.
        next_attempt_at: not to be tried before.
        claimed_until: somebody is trying until then.
        last_error: why the last attempt failed.
        client: for whom the call is made (see ``url_adapters.Client``).
        subscriber: name of whom a call to the runner itself is made for.
        request_id: the request that caused the change, if one did.
    """

    __tablename__ = "WebhookDelivery"
    __table_args__ = TABLE_OPTIONS

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    delivery_key: Mapped[str] = mapped_column(short_text(64))
    task_id: Mapped[int] = mapped_column(sa.ForeignKey("ProcessingTask.id"), index=True)
    webhook_href: Mapped[str] = mapped_column(LongText())
    task_href: Mapped[str] = mapped_column(LongText())
    event: Mapped[str] = mapped_column(short_text(64))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime(), default_factory=utc_now)
    attempts: Mapped[int] = mapped_column(default=0)
    next_attempt_at: Mapped[datetime] = mapped_column(
        UTCDateTime(), default_factory=utc_now, index=True
    )
    claimed_until: Mapped[datetime | None] = mapped_column(UTCDateTime(), default=None)
    last_error: Mapped[str | None] = mapped_column(LongText(), default=None)
    client: Mapped[str | None] = mapped_column(
        short_text(CLIENT_LENGTH), default=None, repr=False
    )
    subscriber: Mapped[str | None] = mapped_column(
        short_text(MAX_SUBJECT_LENGTH), default=None
    )
    request_id: Mapped[str | None] = mapped_column(short_text(64), default=None)
