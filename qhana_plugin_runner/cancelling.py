# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Ending a task from outside.

The row is closed first, and that decides: a message that waits is not run any more, and
whatever a worker still reports is dropped. Then the worker is told, so that it becomes
free: processes of the prefork pool are terminated; in other pools the plugin has to ask
``self.is_cancelled()`` now and then.
"""

from __future__ import annotations

import logging
import threading
from typing import Any

import sqlalchemy as sa
from celery.concurrency.base import BasePool
from celery.worker import state as worker_state
from celery.worker.control import control_command
from flask import Flask, current_app
from kombu.exceptions import OperationalError

from .celery import CELERY
from .db import DB
from .db.models.tasks import ProcessingTask, TaskState
from .tasks import close_task

_LOGGER = logging.getLogger("qhana_plugin_runner.cancelling")

CANCELLED_MESSAGE = "The task was cancelled."

STOP_COMMAND = "qhana_stop_message"

#: How long a cancel waits for the broker that passes it on to the worker.
PATIENCE_SECONDS = 3.0


def cancel_task(task_id: int, reason: str = CANCELLED_MESSAGE) -> bool:
    """End a task that is queued, running or waiting, and commit.

    Args:
        task_id: database id of the task.
        reason: a sentence for the task log.

    Returns:
        False if the task had ended before or does not exist; nothing was changed.
    """
    if not close_task(task_id, TaskState.CANCELLED, reason):
        return False
    message_id = _message_at_work(task_id)
    if message_id is not None:
        _stop(task_id, message_id)
    return True


def _message_at_work(task_id: int) -> str | None:
    """Return the id of the Celery message that a worker has of a closed task."""
    # A closed task is not taken up any more, so this cannot change.
    query = sa.select(ProcessingTask.run_id, ProcessingTask.worker_id).where(
        ProcessingTask.id == task_id
    )
    row = DB.session.execute(query).one_or_none()
    DB.session.commit()
    if row is None or row.run_id is None or row.worker_id is None:
        return None
    return row.run_id.partition(":")[0]


@control_command(name=STOP_COMMAND, args=[("message_id", str)])
def stop_message(worker: Any, message_id: str) -> dict[str, str]:
    """Terminate a message that this worker has, if its pool can do that.

    Celery's own command for it fails in other pools.

    Args:
        worker: the state of the worker, as Celery gives it to its commands.
        message_id: id of the Celery message.
    """
    pool = worker.consumer.pool
    request = worker_state.requests.get(message_id)
    if request is None:
        return {"ok": "not here"}
    if getattr(pool.terminate_job, "__func__", None) is BasePool.terminate_job:
        return {"ok": "it has to end by itself"}
    request.terminate(pool, signal="SIGTERM")
    return {"ok": "terminated"}


def _stop(task_id: int, message_id: str) -> None:
    """Ask the workers to terminate a message, without waiting for a broker for long."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    thread = threading.Thread(
        target=_tell_workers,
        args=(app, task_id, message_id),
        name="qhana-cancel",
        daemon=True,
    )
    thread.start()
    thread.join(PATIENCE_SECONDS)
    if thread.is_alive():
        _LOGGER.warning("The broker hangs, so the worker of task %s works on.", task_id)


def _tell_workers(app: Flask, task_id: int, message_id: str) -> None:
    try:
        # A connection of its own: what hangs must not be given to anybody else.
        with app.app_context(), CELERY.connection_for_write() as connection:
            connection.ensure_connection(
                max_retries=1, interval_start=0, timeout=PATIENCE_SECONDS
            )
            CELERY.control.broadcast(
                STOP_COMMAND, {"message_id": message_id}, connection=connection
            )
    except (OperationalError, OSError) as err:
        _LOGGER.warning(
            "The worker of task %s works on, the broker does not answer: %s", task_id, err
        )
