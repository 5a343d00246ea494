# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Step 6 of the request flow: what the body of a task may ask and tell while it runs.

``FlaskTask`` offers both to plugins: ``self.is_cancelled()`` and
``self.set_progress(value)``.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from flask import current_app
from sqlalchemy.exc import DBAPIError

from .db import DB
from .db.models.tasks import ProcessingTask, TaskState
from .signals import TASK_DETAILS_CHANGED

_LOGGER = logging.getLogger("qhana_plugin_runner.running_task")

#: A task asks the database at most once in this time, and tells others at most as often.
INTERVAL_SECONDS = 1.0

_ENDED_FROM_OUTSIDE = (TaskState.CANCELLED.value, TaskState.LOST.value)
_MOST_REMEMBERED = 1000
_LONGEST_UNIT = 100
_EXTENSION = "qhana-running-tasks"


@dataclass
class _Memory:
    """What this process knows of a task that it runs."""

    cancelled: bool = False
    asked_at: float = -math.inf
    told_at: float = -math.inf


_LOCK = threading.Lock()


def _memory(task_id: int) -> _Memory:
    with _LOCK:
        memories: dict[int, _Memory] = current_app.extensions.setdefault(_EXTENSION, {})
        if task_id not in memories and len(memories) >= _MOST_REMEMBERED:
            del memories[next(iter(memories))]  # the oldest
        return memories.setdefault(task_id, _Memory())


def is_cancelled(task_id: int) -> bool:
    """Return whether nobody wants the result of a task any more.

    Costs one database statement a second at most, so it may be asked in a loop. The
    session of the caller is not touched.

    Args:
        task_id: database id of the task.

    Returns:
        True once the task was cancelled, deleted or given up as lost.
    """
    memory = _memory(task_id)
    now = time.monotonic()
    if memory.cancelled or now - memory.asked_at < INTERVAL_SECONDS:
        return memory.cancelled
    memory.asked_at = now
    query = sa.select(ProcessingTask.state).where(ProcessingTask.id == task_id)
    try:
        with DB.engine.connect() as connection:
            state = connection.scalar(query)
    except DBAPIError as err:
        _LOGGER.warning("Task %s may be cancelled or not: %s", task_id, err.orig)
        return False
    memory.cancelled = state is None or state in _ENDED_FROM_OUTSIDE
    return memory.cancelled


def set_progress(
    task_id: int, value: float, start: float = 0, target: float = 100, unit: str = "%"
) -> None:
    """Show how far a task has come.

    The progress is committed at once, without the other changes of the caller's session;
    only if that session has flushed changes it becomes visible with their commit. A task
    that has ended keeps its progress. Subscribers are told once a second at most. What
    cannot be stored is logged and left out: no task fails because of its progress.

    Args:
        task_id: database id of the task.
        value: the progress, between start and target.
        start: the progress of a task that has just begun.
        target: the progress of a task that is done.
        unit: the unit of the numbers, cut after 100 characters.
    """
    if not all(math.isfinite(number) for number in (value, start, target)):
        _LOGGER.warning(
            "Task %s has the progress %r from %r to %r, which is not shown: it must be "
            "finite numbers.",
            *(task_id, value, start, target),
        )
        return
    statement = (
        sa.update(ProcessingTask)
        .where(ProcessingTask.id == task_id, ProcessingTask.finished_at.is_(None))
        .values(
            progress_value=value,
            progress_start=start,
            progress_target=target,
            progress_unit=unit[:_LONGEST_UNIT],
        )
    )
    if _store(task_id, statement):
        _tell(task_id)


def _store(task_id: int, statement: sa.Update) -> bool:
    if DB.session().info.get("qhana-uncommitted"):
        # A second connection would wait for the locks of the first one.
        DB.session.execute(statement, execution_options={"synchronize_session": False})
        return False
    try:
        with DB.engine.begin() as connection:
            changed = connection.execute(statement).rowcount
    except DBAPIError as err:
        _LOGGER.warning("The progress of task %s was not stored: %s", task_id, err.orig)
        return False
    return bool(changed)


def _tell(task_id: int) -> None:
    memory = _memory(task_id)
    now = time.monotonic()
    if now - memory.told_at >= INTERVAL_SECONDS:
        memory.told_at = now
        app: Any = current_app._get_current_object()  # type: ignore[attr-defined]
        with app.app_context():  # the listeners must not flush the session of the task
            TASK_DETAILS_CHANGED.send(app, task_id=task_id)
