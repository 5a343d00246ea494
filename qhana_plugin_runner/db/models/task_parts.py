# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""What belongs to a task: its steps, result files, links and subscriptions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from ...identity import MAX_SUBJECT_LENGTH, current_owner
from ...url_adapters import Client
from ..db import DB, model
from .base import (
    CLIENT_LENGTH,
    MAX_ROW_ID,
    TABLE_OPTIONS,
    LongText,
    SavableMixin,
    UTCDateTime,
    short_text,
    utc_now,
)

if TYPE_CHECKING:
    from .tasks import ProcessingTask

TEMPORARY_FILE_TYPE = "temp-file"


def task_id_of(task: int | ProcessingTask) -> int | None:
    """Return the id of a task that is given as row or as id."""
    return task if isinstance(task, int) else task.id


@model
class Step:
    """A place in a task where somebody has to enter something.

    Attributes:
        id: the id of the task.
        number: the index in ``ProcessingTask.steps``, set by the list.
        step_id: name of the step, given by the plugin.
        href: URL that takes the input.
        ui_href: URL of the micro frontend for the input.
        cleared: whether the input was given.
    """

    __tablename__ = "Step"
    __table_args__ = TABLE_OPTIONS

    id: Mapped[int] = mapped_column(sa.ForeignKey("ProcessingTask.id"), primary_key=True)
    number: Mapped[int] = mapped_column(
        primary_key=True, autoincrement=False, init=False, default=None
    )
    step_id: Mapped[str] = mapped_column(short_text(500))
    href: Mapped[str] = mapped_column(LongText())
    ui_href: Mapped[str] = mapped_column(LongText())
    cleared: Mapped[bool] = mapped_column(default=False)


@model
class TaskFile(SavableMixin):
    """A file that a task produced, kept in a file store.

    Attributes:
        security_tag: random text that a download URL must contain.
        storage_provider: name of the file store.
        file_name: the name that people see; never used as a path.
        file_storage_data: what the store needs to find the bytes.
        file_type: data type tag, or ``temp-file``.
        mimetype: media type.
    """

    __tablename__ = "TaskFile"
    __table_args__ = TABLE_OPTIONS

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    task: Mapped[ProcessingTask | None] = relationship(
        back_populates="outputs", lazy="select", repr=False, compare=False
    )
    security_tag: Mapped[str] = mapped_column(short_text(64))
    storage_provider: Mapped[str] = mapped_column(short_text(64))
    file_name: Mapped[str] = mapped_column(short_text(500), index=True)
    file_storage_data: Mapped[str] = mapped_column(LongText())
    file_type: Mapped[str | None] = mapped_column(short_text(255))
    mimetype: Mapped[str | None] = mapped_column(short_text(255), default=None)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime(), default_factory=utc_now)
    task_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("ProcessingTask.id"), index=True, init=False, default=None
    )

    @classmethod
    def get_by_id(cls, id_: int) -> TaskFile | None:
        """Return the file with the id or ``None``."""
        if isinstance(id_, int) and not 0 < id_ <= MAX_ROW_ID:
            return None
        return DB.session.get(cls, id_)

    @classmethod
    def get_task_result_files(cls, task: int | ProcessingTask) -> Sequence[TaskFile]:
        """Return the files of a task that are no temporary files, oldest first."""
        statement = (
            sa.select(cls)
            .where(
                cls.task_id == task_id_of(task),
                sa.or_(cls.file_type.is_(None), cls.file_type != TEMPORARY_FILE_TYPE),
            )
            .order_by(cls.id)
        )
        return DB.session.execute(statement).scalars().all()


@model
class TaskLink(SavableMixin):
    """A URL that a task offers to programs, for instance an evaluation endpoint."""

    __tablename__ = "TaskLink"
    __table_args__ = TABLE_OPTIONS

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    task: Mapped[ProcessingTask | None] = relationship(
        back_populates="links", lazy="select", repr=False, compare=False
    )
    type: Mapped[str] = mapped_column(short_text(64))
    href: Mapped[str] = mapped_column(LongText())
    task_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("ProcessingTask.id"), index=True, init=False, default=None
    )


def _current_client() -> str:
    return Client.current().to_text()


class WebhookRef(NamedTuple):
    """Whom to call about which task."""

    webhook_href: str
    task_href: str


class Subscriber(NamedTuple):
    """Whom to call about which task, and for whom."""

    ref: WebhookRef
    client: str | None
    subject: str | None


@model
class TaskUpdateSubscription(SavableMixin):
    """A webhook that wants to know when a task changes.

    Attributes:
        webhook_href: URL to call.
        task_href: URL of the task as the subscriber knows it.
        event_type: name of one event, ``None`` for all events.
        client: for whom the webhook is called (see ``url_adapters.Client``).
        subscriber: name of who subscribed, ``None`` if that is not known; calls to the
            runner itself are made for them.
    """

    __tablename__ = "TaskUpdateSubscription"
    __table_args__ = TABLE_OPTIONS

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    task: Mapped[ProcessingTask | None] = relationship(
        back_populates="subscriptions", lazy="select", repr=False, compare=False
    )
    webhook_href: Mapped[str] = mapped_column(LongText())
    task_href: Mapped[str] = mapped_column(LongText())
    event_type: Mapped[str | None] = mapped_column(short_text(64), default=None)
    client: Mapped[str | None] = mapped_column(
        short_text(CLIENT_LENGTH), init=False, default_factory=_current_client, repr=False
    )
    task_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("ProcessingTask.id"), index=True, init=False, default=None
    )
    subscriber: Mapped[str | None] = mapped_column(
        short_text(MAX_SUBJECT_LENGTH),
        init=False,
        default_factory=current_owner,
        repr=False,
    )

    @classmethod
    def get_by_task_and_event(
        cls, task: int | ProcessingTask, event: str
    ) -> list[WebhookRef]:
        """Return each webhook and task URL once that wants to know of the event."""
        refs = [subscriber.ref for subscriber in cls.get_subscribers(task, event)]
        return list(dict.fromkeys(refs))

    @classmethod
    def get_subscribers(cls, task: int | ProcessingTask, event: str) -> list[Subscriber]:
        """Return the same with whom they are called for; a client from outside wins."""
        client = sa.func.max(cls.client)
        statement = (
            sa.select(cls.webhook_href, cls.task_href, client, cls.subscriber)
            .where(
                cls.task_id == task_id_of(task),
                sa.or_(cls.event_type.is_(None), cls.event_type == event),
            )
            .group_by(cls.webhook_href, cls.task_href, cls.subscriber)
            .order_by(sa.func.min(cls.id))
        )
        rows = DB.session.execute(statement).tuples()
        return [Subscriber(WebhookRef(*row[:2]), *row[2:]) for row in rows]

    @classmethod
    def get_by_task_and_subscriber(
        cls,
        task: int | ProcessingTask,
        webhook_href: str,
        event: str | None = None,
    ) -> Sequence[TaskUpdateSubscription]:
        """Return the subscriptions of one webhook for exactly this event (or all)."""
        statement = (
            sa.select(cls)
            .where(
                cls.task_id == task_id_of(task),
                cls.webhook_href == webhook_href,
                cls.event_type.is_(None) if event is None else cls.event_type == event,
            )
            .order_by(cls.id)
        )
        return DB.session.execute(statement).scalars().all()
