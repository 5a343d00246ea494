# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""What is counted and measured of tasks, by the plugin that they belong to."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from celery import current_app as celery_app
from sqlalchemy.exc import SQLAlchemyError

from . import log_context
from .db import DB
from .db.models.base import utc_now
from .db.models.tasks import ProcessingTask, TaskState
from .metrics import count, is_on, observe
from .task_plugins import plugin_of_task

_LOGGER = logging.getLogger("qhana_plugin_runner.metrics")

RUN_SECONDS = "qhana_task_run_seconds"


def plugin_label(task_name: str | None) -> str:
    """Return the identifier of the plugin that a task belongs to, or ``none``."""
    if task_name is None:
        return "none"
    return plugin_of_task(task_name, celery_app.tasks.get(task_name)) or "none"


def count_end(task_id: int, state: TaskState) -> None:
    """Count a task whose end is committed; call it once for each task.

    Args:
        task_id: id of its row.
        state: how it ended.
    """
    if not is_on():
        return
    plugin = _plugin_of_running_task(task_id) or _plugin_of_row(task_id)
    if plugin is not None:
        count("qhana_tasks_finished_total", plugin=plugin, state=state.value)


def _plugin_of_running_task(task_id: int) -> str | None:
    # Most tasks are ended by the worker that runs them, which knows without a statement.
    bound = log_context.current()
    return bound.get("plugin") if bound.get("task_id") == str(task_id) else None


def _plugin_of_row(task_id: int) -> str | None:
    query = sa.select(ProcessingTask.task_name).where(ProcessingTask.id == task_id)
    try:
        return plugin_label(DB.session.scalar(query))
    except SQLAlchemyError as err:
        # The end itself is stored, and nothing else depends on the number.
        DB.session.rollback()
        _LOGGER.warning("The end of task %s is not counted: %s", task_id, err)
        return None


def observe_wait(task_name: str, due: Any) -> None:
    """Measure how long a message has waited until now.

    Args:
        task_name: name of its Celery task.
        due: when it could have been taken up, as text in ISO 8601.
    """
    if isinstance(due, str):
        waited = utc_now() - datetime.fromisoformat(due)
        plugin = plugin_label(task_name)
        observe("qhana_task_wait_seconds", waited.total_seconds(), plugin=plugin)
