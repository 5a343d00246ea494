# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Step 2 of the request flow (values -> row): a task as a state machine.

::

    queued ──> running ──> succeeded
      ^  │        │  └───> failed
      │  │        v
      │  │     waiting (for the input of a step)
      │  └────────┼──────> cancelled, lost
      └───────────┘

The last four states are final. Every change of state is a compare-and-set in SQL, so
whoever comes late changes nothing.
"""

from __future__ import annotations

import enum
from collections.abc import Collection
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from ..db import DB
from . import capped_log
from .base import utc_now
from .leases import TaskRun
from .task_parts import Step


class TaskState(str, enum.Enum):
    """What a task is doing; finer than the ``status`` that clients know."""

    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LOST = "lost"


FINAL_STATES = frozenset(
    state.value
    for state in (
        TaskState.SUCCEEDED,
        TaskState.FAILED,
        TaskState.CANCELLED,
        TaskState.LOST,
    )
)


class TaskLifeMixin:
    """The changes of state of a task's row. None of them loads the row.

    The session is not committed, except where a method says so.
    """

    # Columns of the row that uses the mixin.
    id: Any
    finished_at: Any
    task_log: Any
    progress_value: Any
    progress_target: Any
    state: Any
    worker_id: Any
    run_id: Any
    running_since: Any
    attempts: Any
    message: Any
    queued_at: Any

    @classmethod
    def take_up(
        cls, id_: int, run_id: str, worker_id: str | None, keep_message: bool = False
    ) -> bool:
        """Note that a worker begins with a message of the task.

        Args:
            id_: the task.
            run_id: names the message and its attempt; each is taken up once.
            worker_id: lease of the worker, ``None`` outside a worker.
            keep_message: the message may be sent again if the worker dies.

        Returns:
            False if the task has ended or the message was taken up before (or there is
            no such task): it must not run, and the session was rolled back.
        """
        statement = (
            sa.update(cls)
            .where(
                cls.id == id_,
                cls.finished_at.is_(None),
                cls.state.not_in(FINAL_STATES),
            )
            .values(
                state=TaskState.RUNNING.value,
                run_id=run_id,
                worker_id=worker_id,
                running_since=utc_now(),
                attempts=cls.attempts + 1,
                message=cls.message if keep_message else None,
                queued_at=None,
            )
        )
        if not changes_one(statement):
            DB.session.rollback()
            return False
        try:
            DB.session.execute(
                sa.insert(TaskRun).values(
                    run_id=run_id,
                    task_id=id_,
                    worker_id=worker_id,
                    started_at=utc_now(),
                )
            )
        except IntegrityError:  # delivered twice, and taken up before
            DB.session.rollback()
            return False
        return True

    @classmethod
    def must_not_run(cls, id_: int, run_id: str) -> bool:
        """Return whether a message that could not be taken up has to be dropped.

        That is so after a cancel, after the loss of a worker, if the client was told that
        the submission failed, and for a message that is delivered twice. Plugins may
        send messages for a task that has ended otherwise; these run.
        """
        statement = sa.select(cls.state, cls.attempts).where(cls.id == id_)
        row = DB.session.execute(statement).one_or_none()
        if row is None:
            return False
        if DB.session.get(TaskRun, run_id) is not None:
            return True
        never_started = row.state == TaskState.FAILED.value and row.attempts == 0
        ended_from_outside = row.state in (
            TaskState.CANCELLED.value,
            TaskState.LOST.value,
        )
        return never_started or ended_from_outside

    @classmethod
    def enqueue(cls, ids: Collection[int], message: str, due: datetime) -> None:
        """Keep the message that is about to be sent for tasks that have not ended.

        Args:
            ids: the tasks.
            message: the message as JSON.
            due: when it may be taken up.
        """
        DB.session.execute(
            sa.update(cls)
            .where(
                cls.id.in_(ids),
                cls.finished_at.is_(None),
                cls.state.not_in(FINAL_STATES),
            )
            .values(
                state=TaskState.QUEUED.value,
                message=message,
                queued_at=due,
                worker_id=None,
            )
            .execution_options(synchronize_session=False)
        )

    @classmethod
    def hand_over(cls, id_: int, run_id: str) -> None:
        """Note that a worker is done with a message but the task has not ended.

        The task then waits for input if its last step is open, else for the next message.

        Args:
            id_: the task.
            run_id: the message; nothing happens if another one was taken up since.
        """
        open_step = sa.exists().where(Step.id == cls.id, Step.cleared.is_(False))
        statement = (
            sa.update(cls)
            .where(
                cls.id == id_,
                cls.run_id == run_id,
                cls.state == TaskState.RUNNING.value,
                cls.finished_at.is_(None),
            )
            .values(
                state=sa.case(
                    (open_step, TaskState.WAITING.value), else_=TaskState.QUEUED.value
                ),
                worker_id=None,
            )
        )
        changes_one(statement)

    @classmethod
    def close(cls, id_: int, state: TaskState, log: str | None = None) -> bool:
        """End the task if it has not ended yet.

        The session is not committed.

        Args:
            id_: the task.
            state: one of the final states.
            log: text to append to the task log.

        Returns:
            False if the task had ended before (or there is none): nothing was changed.
        """
        succeeded = state is TaskState.SUCCEEDED
        values: dict[str, Any] = {
            "state": state.value,
            "finished_at": utc_now(),
            "task_status": "SUCCESS" if succeeded else "FAILURE",
        }
        if log is not None:
            values["task_log"] = capped_log.appended(cls.task_log, log)
        if succeeded:
            values["progress_value"] = sa.case(
                (sa.func.coalesce(cls.progress_value, 0) != 0, cls.progress_target),
                else_=cls.progress_value,
            )
        statement = (
            sa.update(cls)
            .where(
                cls.id == id_,
                cls.finished_at.is_(None),
                cls.state.not_in(FINAL_STATES),
            )
            .values(values)
        )
        closed = changes_one(statement)
        if closed and log is not None:
            capped_log.shorten(cls.task_log, cls.id == id_)
        return closed


def changes_one(statement: sa.Update) -> bool:
    """Execute an update of at most one row; return whether it changed the row."""
    result = DB.session.execute(statement.execution_options(synchronize_session=False))
    return bool(result.rowcount)  # type: ignore[attr-defined]
