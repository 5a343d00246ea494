# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Leases of workers and what they took up.

A worker whose lease ran out is taken for dead. A message that is in the list of runs was
taken up and is never run again.
"""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from ..db import model
from .base import TABLE_OPTIONS, SavableMixin, UTCDateTime, short_text


@model
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


@model
class TaskRun(SavableMixin):
    """One message of a task that a worker took up.

    Attributes:
        run_id: id of the Celery message and its number of retries.
        task_id: the task that the message belongs to.
        worker_id: the lease of the worker.
        started_at: when the worker took it up.
    """

    __tablename__ = "TaskRun"
    __table_args__ = TABLE_OPTIONS

    run_id: Mapped[str] = mapped_column(short_text(64), primary_key=True)
    task_id: Mapped[int] = mapped_column(sa.ForeignKey("ProcessingTask.id"), index=True)
    worker_id: Mapped[str | None] = mapped_column(short_text(64))
    started_at: Mapped[datetime] = mapped_column(UTCDateTime())
