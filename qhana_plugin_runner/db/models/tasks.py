# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Step 2 of the request flow (values -> row): the row of a task.

How its state changes is told in ``task_life``.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.ext.orderinglist import ordering_list
from sqlalchemy.orm import Mapped, mapped_column, relationship
from sqlalchemy.orm.attributes import instance_state, set_committed_value

from ...babel import gettext
from ...errors import OpenStepError
from ...identity import MAX_SUBJECT_LENGTH, current_owner
from ..db import DB, model
from ..single_inserts import insert_alone
from ..single_loads import load_row
from . import capped_log
from .base import (
    MAX_ROW_ID,
    TABLE_OPTIONS,
    LongText,
    SavableMixin,
    UTCDateTime,
    short_text,
    utc_now,
)
from .encrypted_text import EncryptedText
from .mutable_json import JSON_LIKE, MutableJSON
from .task_life import FINAL_STATES, TaskLifeMixin, TaskState, changes_one
from .task_parts import Step, TaskFile, TaskLink, TaskUpdateSubscription, WebhookRef

__all__ = [
    "FINAL_STATES",
    "ProcessingTask",
    "Step",
    "TaskFile",
    "TaskLink",
    "TaskState",
    "TaskUpdateSubscription",
    "WebhookRef",
]


@model
class ProcessingTask(TaskLifeMixin, SavableMixin):
    """One run of a plugin.

    Attributes:
        task_name: name of the Celery task that was started first.
        started_at: when the row was made.
        finished_at: when the task ended, ``None`` before.
        parameters: the plugin's arguments, usually JSON text; encrypted in the database.
        data: JSON value that the plugin may use freely; changes at any depth are saved.
        multi_step: whether the task has had steps.
        steps: the steps in order; only the last may be open.
        current_step: number of the newest step, -1 without steps.
        task_status: ``SUCCESS`` or ``FAILURE`` once finished.
        task_log: text that the plugin and the runner appended, never ``None``.
        outputs: all files of the task, temporary ones included.
        state: see the module's docstring.
        worker_id: the lease of the worker that took the task up last.
        run_id: the message that the worker took up last.
        running_since: when the worker took it up.
        attempts: how many messages of the task were taken up.
        message: the message that was sent last, as JSON, until a worker takes it up; it
            can be sent again if the broker lost it.
        queued_at: when that message was sent.
        owner: name of whom the task belongs to, ``None`` for nobody; rows that are made
            while a request or a task acts for somebody are theirs.
    """

    __tablename__ = "ProcessingTask"
    __table_args__ = (
        sa.Index("ix_ProcessingTask_state_id", "state", "id"),
        sa.Index("ix_ProcessingTask_started_at", "started_at"),
        sa.Index("ix_ProcessingTask_owner_id", "owner", "id"),
        sa.Index("ix_ProcessingTask_task_name_id", "task_name", "id"),
        sa.Index("ix_ProcessingTask_task_name_state", "task_name", "state"),
        TABLE_OPTIONS,
    )

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    task_name: Mapped[str] = mapped_column(short_text(500))
    started_at: Mapped[datetime] = mapped_column(UTCDateTime(), default_factory=utc_now)
    finished_at: Mapped[datetime | None] = mapped_column(UTCDateTime(), default=None)
    parameters: Mapped[str] = mapped_column(EncryptedText(), default="", repr=False)
    data: Mapped[JSON_LIKE] = mapped_column(
        MutableJSON, default_factory=dict, nullable=True, repr=False
    )
    multi_step: Mapped[bool] = mapped_column(default=False)
    steps: Mapped[list[Step]] = relationship(
        Step,
        order_by=Step.number,
        collection_class=ordering_list("number"),
        lazy="select",
        cascade="all, delete-orphan",
        default_factory=list,
        repr=False,
    )
    current_step: Mapped[int] = mapped_column(default=-1)
    progress_value: Mapped[float | None] = mapped_column(default=None)
    progress_start: Mapped[float] = mapped_column(default=0)
    progress_target: Mapped[float] = mapped_column(default=100)
    progress_unit: Mapped[str] = mapped_column(short_text(100), default="%")
    task_status: Mapped[str | None] = mapped_column(short_text(100), default=None)
    task_log: Mapped[str] = mapped_column(LongText(), default="", repr=False)
    outputs: Mapped[list[TaskFile]] = relationship(
        TaskFile,
        back_populates="task",
        order_by=TaskFile.id,
        lazy="select",
        default_factory=list,
        repr=False,
    )
    links: Mapped[list[TaskLink]] = relationship(
        TaskLink,
        back_populates="task",
        order_by=TaskLink.id,
        lazy="select",
        default_factory=list,
        repr=False,
    )
    subscriptions: Mapped[list[TaskUpdateSubscription]] = relationship(
        TaskUpdateSubscription,
        back_populates="task",
        lazy="select",
        default_factory=list,
        repr=False,
    )
    state: Mapped[str] = mapped_column(
        short_text(20), init=False, default=TaskState.QUEUED.value
    )
    worker_id: Mapped[str | None] = mapped_column(
        short_text(64), init=False, default=None, repr=False
    )
    run_id: Mapped[str | None] = mapped_column(
        short_text(64), init=False, default=None, repr=False
    )
    running_since: Mapped[datetime | None] = mapped_column(
        UTCDateTime(), init=False, default=None, repr=False
    )
    attempts: Mapped[int] = mapped_column(init=False, default=0, repr=False)
    message: Mapped[str | None] = mapped_column(
        LongText(), init=False, default=None, repr=False, deferred=True
    )
    queued_at: Mapped[datetime | None] = mapped_column(
        UTCDateTime(), init=False, default=None, repr=False
    )
    owner: Mapped[str | None] = mapped_column(
        short_text(MAX_SUBJECT_LENGTH),
        init=False,
        default_factory=current_owner,
        repr=False,
    )

    @classmethod
    def get_by_id(cls, id_: int) -> ProcessingTask | None:
        """Return the task with the id or ``None``."""
        if isinstance(id_, int) and not 0 < id_ <= MAX_ROW_ID:
            return None
        return load_row(cls, id_)

    def save(self, commit: bool = False) -> None:
        """Add the task to the session; see :class:`SavableMixin`."""
        if not (commit and self._has_only_columns() and insert_alone(self)):
            super().save(commit=commit)
        identity = instance_state(self).identity
        if commit and identity is not None:
            # The id stays, asking for it needs no statement.
            set_committed_value(self, "id", identity[0])

    def _has_only_columns(self) -> bool:
        # A new row as plugins make it: nothing related, nothing for _follow_plugins.
        return (
            instance_state(self).transient
            and self.finished_at is None
            and not self.task_log
            and not (self.steps or self.outputs or self.links or self.subscriptions)
        )

    @property
    def status(self) -> str:
        """``PENDING`` until the task is finished, then its status or ``UNKNOWN``."""
        if not self.is_finished:
            return "PENDING"
        return self.task_status or "UNKNOWN"

    @property
    def is_finished(self) -> bool:
        """Whether the task has ended, in whatever way."""
        return self.finished_at is not None

    @property
    def is_ok(self) -> bool:
        """Whether the task has ended well."""
        return self.task_status == "SUCCESS"

    @property
    def has_message(self) -> bool:
        """Whether a message is kept that can be sent again."""
        return self.message is not None

    @property
    def has_uncleared_step(self) -> bool:
        """Whether the last step waits for input."""
        return bool(self.steps) and not self.steps[-1].cleared

    def add_task_log_entry(self, entry: str, commit: bool = False) -> None:
        """Append text to the task log, on a line of its own.

        With a commit the text is appended in the database, so that what somebody else
        appends at the same time is kept and the whole log is not sent again.

        Args:
            entry: the text.
            commit: also commit the whole session.
        """
        if commit and instance_state(self).persistent:
            DB.session.flush()
            is_row = ProcessingTask.id == self.id
            log = capped_log.appended(ProcessingTask.task_log, entry)
            changes_one(sa.update(ProcessingTask).where(is_row).values(task_log=log))
            capped_log.shorten(ProcessingTask.task_log, is_row)
            DB.session.expire(self, ["task_log"])
        else:
            self.task_log = f"{self.task_log}\n{entry}" if self.task_log else entry
        self.save(commit=commit)

    def clear_previous_step(self, commit: bool = False) -> None:
        """Mark the current step as done. Without a step nothing happens.

        Args:
            commit: also commit the whole session.
        """
        if 0 <= self.current_step < len(self.steps):
            self.steps[self.current_step].cleared = True
            if self.state == TaskState.WAITING.value:
                self.state = TaskState.QUEUED.value
        self.save(commit=commit)

    def add_next_step(
        self, href: str, ui_href: str, step_id: str, commit: bool = False
    ) -> None:
        """Append a step that waits for input.

        Args:
            href: URL that takes the input.
            ui_href: URL of the micro frontend.
            step_id: name of the step.
            commit: also commit the whole session.

        Raises:
            OpenStepError: (an ``AssertionError``) if the last step is not cleared.
        """
        if self.has_uncleared_step:
            raise OpenStepError(
                gettext(
                    "Task %(task)s cannot get the step %(step)r: its step %(last)r is "
                    "not cleared. Clear it first.",
                    task=self.id,
                    step=step_id,
                    last=self.steps[-1].step_id,
                )
            )
        if not self.steps:
            self.multi_step = True
        self.current_step += 1
        self.steps.append(
            Step(id=self.id, step_id=step_id, href=href, ui_href=ui_href, cleared=False)
        )
        if not self.is_finished:
            self.state = TaskState.WAITING.value
        self.save(commit=commit)


@event.listens_for(ProcessingTask, "before_insert")
@event.listens_for(ProcessingTask, "before_update")
def _follow_plugins(_mapper: Any, _connection: Any, task: ProcessingTask) -> None:
    # Existing plugins end their rows by hand and know nothing of the state.
    if task.finished_at is not None and task.state not in FINAL_STATES:
        ok = task.task_status == "SUCCESS"
        task.state = (TaskState.SUCCEEDED if ok else TaskState.FAILED).value
    if task.task_log and instance_state(task).attrs.task_log.history.has_changes():
        task.task_log = capped_log.capped(task.task_log, capped_log.limit_bytes())
