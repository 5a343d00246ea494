# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Steps 2, 3 and 8 of the request flow: the story of a task.

A plugin starts a task (or does the same by hand), adds steps to it, and its result or its
error is saved. Everything here commits, and sends signals after the commit.
"""

from __future__ import annotations

import sys
import time
import traceback as traceback_module
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from celery import chain
from celery.canvas import Signature
from celery.utils.log import get_task_logger
from flask import current_app
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from . import flask_task
from .celery import CELERY
from .db import DB
from .db.models import task_shortcuts
from .db.models.tasks import ProcessingTask, TaskState
from .errors import TaskNotFoundError, TaskResultTypeError
from .flask_task import ADD_STEP, SAVE_ERROR, SAVE_RESULT
from .publishing import session_has_changes
from .redaction import redact
from .signals import (
    TASK_DETAILS_CHANGED,
    TASK_SIGNALS,
    TASK_STATUS_CHANGED,
    TASK_STEPS_CHANGED,
)
from .task_metrics import count_end
from .webhooks import asking_once

__all__ = [
    "TASK_DETAILS_CHANGED",
    "TASK_LOGGER",
    "TASK_SIGNALS",
    "TASK_STATUS_CHANGED",
    "TASK_STEPS_CHANGED",
    "add_step",
    "close_task",
    "save_task_error",
    "save_task_result",
    "start_task",
]

TASK_LOGGER = get_task_logger("qhana-plugin-runner")

T = TypeVar("T")


def start_task(
    signature: Signature, parameters: str = "", task_name: str | None = None
) -> ProcessingTask:
    """Write the row of a task, commit it and hand the work to a worker.

    Args:
        signature: the first Celery task; it gets the keyword argument ``db_id``.
        parameters: the arguments of the plugin, usually JSON text.
        task_name: name of the row, default is the name of the Celery task.

    Returns:
        The row.

    Raises:
        BrokerUnavailableError: if no broker takes the message; the row is closed.
    """
    task = ProcessingTask(task_name=task_name or signature.task, parameters=parameters)
    task.save(commit=True)
    work = chain(
        signature.clone(kwargs={"db_id": task.id}), save_task_result.s(db_id=task.id)
    )
    work.link_error(save_task_error.s(db_id=task.id))
    work.apply_async()
    return task


@CELERY.task(name=SAVE_RESULT, bind=True, ignore_result=True)
def save_task_result(self: Any, task_log: str | None, db_id: int) -> None:
    """Record that a task has ended well.

    Args:
        task_log: what the previous task returned; appended to the log unless ``None``.
        db_id: id of the database task.

    Raises:
        TaskResultTypeError: (a ``TypeError``) if the log is neither text nor ``None``.
        TaskNotFoundError: (a ``KeyError``) if there is no such task.
    """
    if task_log is not None and not isinstance(task_log, str):
        raise TaskResultTypeError(
            f"Task {db_id} returned {type(task_log).__name__}; a plugin's task must "
            "return a text for the task log, or None."
        )
    _with_retries(db_id, lambda: _succeed(db_id, task_log))


def _succeed(db_id: int, task_log: str | None) -> None:
    if not session_has_changes() and task_shortcuts.succeed(db_id, task_log):
        count_end(db_id, TaskState.SUCCEEDED)
        _notify(db_id, TASK_STATUS_CHANGED, TASK_DETAILS_CHANGED)
        return
    closed = ProcessingTask.close(db_id, TaskState.SUCCEEDED, task_log)
    task = _require_task(db_id)
    if not closed:
        DB.session.rollback()
        TASK_LOGGER.warning("Task %s had ended before its result came.", db_id)
        return
    open_step = task.has_uncleared_step
    if open_step:
        task.steps[-1].cleared = True
    DB.session.commit()
    count_end(db_id, TaskState.SUCCEEDED)
    _notify(db_id, TASK_STATUS_CHANGED, TASK_DETAILS_CHANGED)
    if open_step:
        _notify(db_id, TASK_STEPS_CHANGED)


@CELERY.task(name=SAVE_ERROR, ignore_result=True)
def save_task_error(
    failing_task_id: Any,
    exception: BaseException | None = None,
    traceback: TracebackType | str | None = None,
    *,
    db_id: int,
) -> None:
    """Record that a task has failed.

    Celery calls this in the process that noticed the failure, with the request, the
    exception and its traceback; plugins only write ``save_task_error.s(db_id=...)``.

    Args:
        failing_task_id: the request (or id) of the Celery task that failed.
        exception: what it raised.
        traceback: where.
        db_id: id of the database task.
    """
    TASK_LOGGER.info("Task %s has failed: %r", db_id, exception)
    close_task(db_id, TaskState.FAILED, redact(_error_log(exception, traceback)))


def _error_log(
    exception: BaseException | None, traceback: TracebackType | str | None
) -> str:
    if exception is None:
        return "The task failed; its worker did not say why."
    text = traceback if isinstance(traceback, str) else _public_traceback(exception)
    return f"{_safe_repr(exception)}\n\n{text}"


def _public_traceback(exception: BaseException) -> str:
    """Return the traceback without paths of the machine (they stay in debug mode)."""
    report = traceback_module.TracebackException.from_exception(exception)
    while report.stack and report.stack[0].filename == flask_task.__file__:
        del report.stack[0]  # how the plugin was called says nothing about it
    if not current_app.debug:
        part: traceback_module.TracebackException | None = report
        while part is not None:
            for frame in part.stack:
                frame.filename = _public_path(frame.filename)
            part = part.__cause__ or part.__context__
    return "".join(report.format())


def _public_path(file: str) -> str:
    for folder in sorted(filter(None, sys.path), key=len, reverse=True):
        if file.startswith(folder.rstrip("/") + "/"):
            return file[len(folder.rstrip("/")) + 1 :]
    return Path(file).name


def _safe_repr(exception: BaseException) -> str:
    try:
        return repr(exception)
    except Exception as err:  # a plugin's own __repr__ may be broken
        return f"<{type(exception).__name__}, its repr raised {type(err).__name__}>"


def close_task(db_id: int, state: TaskState, log: str) -> bool:
    """End a task that did not end well, commit and tell everybody.

    Args:
        db_id: id of the database task.
        state: ``FAILED``, ``CANCELLED`` or ``LOST``.
        log: the reason, appended to the task log.

    Returns:
        False if the task had ended before or does not exist; nothing was changed.
    """

    def close() -> bool:
        closed = ProcessingTask.close(db_id, state, log)
        DB.session.commit()
        return closed

    if not _with_retries(db_id, close):
        TASK_LOGGER.warning(
            "Task %s is not open, its end as %s is dropped.", db_id, state
        )
        return False
    count_end(db_id, state)
    _notify(db_id, TASK_STATUS_CHANGED, TASK_DETAILS_CHANGED)
    return True


@CELERY.task(name=ADD_STEP, bind=True, ignore_result=True)
def add_step(
    self: Any,
    task_log: str,
    db_id: int,
    step_id: str,
    href: str,
    ui_href: str,
    prog_value: float | None = None,
    prog_start: float = 0,
    prog_target: float = 100,
    prog_unit: str = "%",
) -> None:
    """Record that a task waits for input.

    Args:
        task_log: what the previous task returned; appended to the log.
        db_id: id of the database task.
        step_id: name of the step.
        href: URL that takes the input.
        ui_href: URL of the micro frontend.
        prog_value: the progress; ``None`` counts the steps.
        prog_start: where the progress begins.
        prog_target: where it ends.
        prog_unit: its unit.

    Raises:
        TaskResultTypeError: (a ``TypeError``) if the log is no text.
        TaskNotFoundError: (a ``KeyError``) if there is no such task.
        OpenStepError: (an ``AssertionError``) if the last step is not cleared.
    """
    if not isinstance(task_log, str):
        raise TaskResultTypeError(
            f"Task {db_id} got {type(task_log).__name__} as log of its step {step_id!r}; "
            "expected is a text."
        )

    def add() -> None:
        task = _require_task(db_id)
        if prog_value is None:
            count = len(task.steps)
            progress: tuple[Any, ...] = (count, 0, count + 1, "")
        else:
            progress = (prog_value, prog_start, prog_target, prog_unit)
        (
            task.progress_value,
            task.progress_start,
            task.progress_target,
            task.progress_unit,
        ) = progress
        task.add_next_step(href=href, ui_href=ui_href, step_id=step_id)
        task.add_task_log_entry(task_log, commit=True)

    _with_retries(db_id, add)
    _notify(db_id, TASK_STEPS_CHANGED, TASK_DETAILS_CHANGED)


def _require_task(db_id: int) -> ProcessingTask:
    task = ProcessingTask.get_by_id(id_=db_id)
    if task is None:
        raise TaskNotFoundError(f"There is no task with the id {db_id}.")
    return task


def _notify(db_id: int, *signals: Any) -> None:
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    with asking_once():
        for signal in signals:
            signal.send(app, task_id=db_id)


def _with_retries(db_id: int, record: Callable[[], T]) -> T:
    """Record something about a task while the database may be away for some time.

    Raises:
        sqlalchemy.exc.DBAPIError: if the database stays away; everything needed to repair
            the row by hand is in the log then.
    """
    patience = float(current_app.config.get("TASK_OUTCOME_RETRY_SECONDS", 120))
    deadline = time.monotonic() + patience
    pause = 0.1
    while True:
        try:
            return record()
        except DBAPIError as err:
            DB.session.rollback()
            if not _may_pass(err) or time.monotonic() + pause > deadline:
                TASK_LOGGER.exception(
                    "The outcome of task %s cannot be recorded. Repair its row by hand.",
                    db_id,
                )
                raise
            TASK_LOGGER.warning(
                "The database is away, the outcome of task %s waits: %s", db_id, err.orig
            )
            time.sleep(pause)
            pause = min(pause * 2, 5.0)


def _may_pass(err: DBAPIError) -> bool:
    return err.connection_invalidated or isinstance(
        err, (OperationalError, InterfaceError)
    )
