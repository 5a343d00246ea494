# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The usual life of a task in single statements, which are built and compiled once.

Nearly all tasks are sent, taken up and end well without anything special. Each of these
changes is one statement here, and committed. What is special (steps, long logs) takes the
longer way through :class:`.task_life.TaskLifeMixin`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from ..db import DB
from ..single_inserts import flushed
from ..single_loads import columns_to_note, note_row
from ..single_statements import SingleStatement, single_statements
from . import capped_log
from .base import LongText, UTCDateTime, storable, utc_now
from .leases import TaskRun
from .task_life import FINAL_STATES, TaskState
from .tasks import ProcessingTask

_NO_LIMIT = 2**31 - 1

_IS_OPEN = sa.and_(
    ProcessingTask.id == sa.bindparam("task_id", type_=sa.Integer()),
    ProcessingTask.finished_at.is_(None),
    ProcessingTask.state.not_in([sa.literal_column(f"'{s}'") for s in FINAL_STATES]),
)


def _text(name: str) -> sa.BindParameter[str]:
    return sa.bindparam(name, type_=LongText())


def _time(name: str) -> sa.BindParameter[datetime]:
    return sa.bindparam(name, type_=UTCDateTime())


def _string(name: str) -> sa.BindParameter[str]:
    return sa.bindparam(name, type_=sa.String())


_KEEP_MESSAGE = SingleStatement(
    sa.update(ProcessingTask)
    .where(_IS_OPEN)
    .values(
        state=TaskState.QUEUED.value,
        message=_text("new_message"),
        queued_at=_time("due"),
        worker_id=None,
    )
)


def start_keeping(
    ids: Collection[int], message: str, due: datetime
) -> Callable[[], None]:
    """Keep a message as :meth:`ProcessingTask.enqueue` does, and commit.

    Args:
        ids: the tasks.
        message: the message as JSON.
        due: when it may be taken up.

    Returns:
        What waits until the message is kept; it must be called once.
    """
    kept = False
    *others, last = [{"task_id": id_, "new_message": message, "due": due} for id_ in ids]
    for parameters in others:
        kept = bool(_KEEP_MESSAGE.write(parameters)) or kept
    wait = _KEEP_MESSAGE.start_write(last)

    def finish() -> None:
        if wait()[1] or kept:
            flushed()

    return finish


def _take_up_statement(keep: bool) -> SingleStatement:
    taken = (
        sa.update(ProcessingTask)
        .where(_IS_OPEN)
        .values(
            state=TaskState.RUNNING.value,
            run_id=_string("run"),
            worker_id=_string("worker"),
            running_since=_time("now"),
            attempts=ProcessingTask.attempts + 1,
            queued_at=None,
            **({} if keep else {"message": None}),
        )
        .returning(*columns_to_note(ProcessingTask))
        .cte("taken")
    )
    values = sa.select(_string("run"), taken.c.id, _string("worker"), _time("now"))
    columns = ["run_id", "task_id", "worker_id", "started_at"]
    noted = sa.insert(TaskRun).from_select(columns, values).cte("noted")
    return SingleStatement(sa.select(taken).add_cte(noted))


_TAKE_UP = {keep: _take_up_statement(keep) for keep in (True, False)}


def start_taking_up(
    id_: int, run_id: str, worker_id: str | None, keep: bool
) -> Callable[[], bool]:
    """Take up a message as :meth:`ProcessingTask.take_up` does, and commit.

    Args:
        id_: the task.
        run_id: names the message and its attempt.
        worker_id: lease of the worker.
        keep: the message may be sent again if the worker dies.

    Returns:
        What waits until that is done, and tells whether the message was taken up; it must
        be called once.
    """
    if single_statements() is None:  # only PostgreSQL has updates within inserts
        taken = ProcessingTask.take_up(id_, run_id, worker_id, keep_message=keep)
        if taken:
            DB.session.commit()
        return lambda: taken
    names = {"task_id": id_, "run": run_id, "worker": worker_id, "now": utc_now()}
    wait = _TAKE_UP[keep].start_write(names)

    def finish() -> bool:
        try:
            rows, _ = wait()
        except IntegrityError:  # delivered twice, and taken up before
            return False
        for row in rows:
            note_row(ProcessingTask, id_, row)  # nearly all bodies begin with it
        return bool(rows)

    return finish


def _succeed_statement(with_log: bool) -> SingleStatement:
    task = ProcessingTask
    values: dict[str, Any] = {
        "state": TaskState.SUCCEEDED.value,
        "task_status": "SUCCESS",
        "finished_at": _time("now"),
        "progress_value": sa.case(
            (sa.func.coalesce(task.progress_value, 0) != 0, task.progress_target),
            else_=task.progress_value,
        ),
    }
    statement = sa.update(task).where(_IS_OPEN, task.multi_step.is_(False))
    if with_log:
        room = sa.bindparam("room", type_=sa.Integer())
        statement = statement.where(capped_log.log_bytes(task.task_log) <= room)
        longer = task.task_log.concat(_text("line"))
        values["task_log"] = sa.case((task.task_log == "", _text("entry")), else_=longer)
    return SingleStatement(statement.values(values))


_SUCCEED = {with_log: _succeed_statement(with_log) for with_log in (True, False)}


def succeed(id_: int, log: str | None) -> bool:
    """End a task well and commit, if it is open, has no steps and no long log.

    Args:
        id_: the task.
        log: text to append to the task log.

    Returns:
        False if nothing was changed; the longer way tells why.
    """
    names: dict[str, Any] = {"task_id": id_, "now": utc_now()}
    if log is not None:
        entry = storable(log)
        limit = capped_log.limit_bytes() or _NO_LIMIT
        room = limit - len(entry.encode()) - 1
        names.update(entry=entry, line=f"\n{entry}", room=room)
    return _SUCCEED[log is not None].write(names) == 1
