# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Leases of workers: a worker whose lease ran out is taken for dead."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from ..db import REGISTRY
from .base import TABLE_OPTIONS, SavableMixin, UTCDateTime, short_text


@REGISTRY.mapped_as_dataclass(eq=False)
class WorkerLease(SavableMixin):
    """The sign of life of one worker.

    Attributes:
        id: random text, new at each start of a worker.
        name: the worker's name for people (``celery@host``).
        started_at: when the worker started.
        expires_at: the worker is alive at least until then.
    """

    __tablename__ = "WorkerLease"
    __table_args__ = TABLE_OPTIONS

    id: Mapped[str] = mapped_column(short_text(64), primary_key=True)
    name: Mapped[str] = mapped_column(short_text(255))
    started_at: Mapped[datetime] = mapped_column(UTCDateTime())
    expires_at: Mapped[datetime] = mapped_column(UTCDateTime(), index=True)
