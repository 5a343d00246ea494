# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""What clients see of a task, read with one statement.

Clients poll tasks. One statement costs a third of loading the row and its collections
one after the other, and sees all of them at the same moment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import itemgetter
from typing import Any, NamedTuple

import sqlalchemy as sa

from ..single_statements import SingleStatement
from .base import MAX_ROW_ID, LongText, UTCDateTime
from .leases import WorkerLease
from .task_parts import Step, TaskFile, TaskLink
from .tasks import ProcessingTask, TaskState


class LinkRecord(NamedTuple):
    """A link of a task."""

    type: str
    href: str


class StepRecord(NamedTuple):
    """A step of a task."""

    step_id: str
    href: str
    ui_href: str
    cleared: bool


class FileRecord(NamedTuple):
    """The columns of a file's row that its URL and its description need."""

    id: int
    security_tag: str
    storage_provider: str
    file_name: str
    file_storage_data: str
    file_type: str | None
    mimetype: str | None


@dataclass
class TaskRecord:
    """A task as clients see it; the attributes are those of ``ProcessingTask``.

    Attributes:
        has_message: whether a message waits to be sent again if the worker dies.
        lease_ends_at: until when its worker is alive, if the task runs in one.
    """

    id: int
    state: str
    task_status: str | None
    task_log: str
    started_at: datetime
    finished_at: datetime | None
    attempts: int
    progress_value: float | None
    progress_start: float
    progress_target: float
    progress_unit: str
    worker_id: str | None
    owner: str | None
    has_message: bool
    lease_ends_at: datetime | None
    links: list[LinkRecord] = field(default_factory=list)
    steps: list[StepRecord] = field(default_factory=list)
    outputs: list[FileRecord] = field(default_factory=list)

    @property
    def status(self) -> str:
        """See :attr:`ProcessingTask.status`."""
        if self.finished_at is None:
            return "PENDING"
        return self.task_status or "UNKNOWN"


_TASK, _LINK, _STEP, _FILE = range(4)

# The columns that all kinds of rows share: what a kind has less is null.
_TEXTS, _FLAGS, _TIMES, _NUMBERS = 6, 1, 3, 3


def _part(
    kind: int,
    number: Any,
    texts: Sequence[Any],
    flag: Any = None,
    times: Sequence[Any] = (),
    numbers: Sequence[Any] = (),
) -> sa.Select[Any]:
    """Return the query of one kind of rows."""

    def padded(columns: Sequence[Any], count: int, type_: Any) -> list[Any]:
        nothing = sa.cast(sa.null(), type_)
        return [*columns, *[nothing] * (count - len(columns))]

    # Not all databases can cast to booleans.
    flags = [] if flag is None else [sa.case((flag, 1), else_=0)]
    columns = [
        sa.literal_column(str(kind), sa.Integer()),
        number,
        *padded(flags, _FLAGS, sa.Integer()),
        *padded(texts, _TEXTS, LongText()),
        *padded(times, _TIMES, UTCDateTime()),
        *padded(numbers, _NUMBERS, sa.Double()),
    ]
    return sa.select(*(c.label(f"c{index}") for index, c in enumerate(columns)))


def _statement() -> sa.CompoundSelect[Any]:
    id_: sa.BindParameter[int] = sa.bindparam("task_id", type_=sa.Integer())
    task, link, step, file = ProcessingTask, TaskLink, Step, TaskFile
    about_task = [task.state, task.task_status, task.task_log, task.progress_unit]
    lease = sa.select(WorkerLease.expires_at).where(WorkerLease.id == task.worker_id)
    is_running = task.state == TaskState.RUNNING.value
    lease_end = sa.case((is_running, lease.scalar_subquery()))
    about_file = [file.security_tag, file.storage_provider, file.file_name]
    return sa.union_all(
        _part(
            _TASK,
            task.attempts,
            [*about_task, task.worker_id, task.owner],
            task.message.is_not(None),
            [task.started_at, task.finished_at, lease_end],
            [task.progress_value, task.progress_start, task.progress_target],
        ).where(task.id == id_),
        _part(_LINK, link.id, [link.type, link.href]).where(link.task_id == id_),
        _part(
            _STEP, step.number, [step.step_id, step.href, step.ui_href], step.cleared
        ).where(step.id == id_),
        _part(
            _FILE,
            file.id,
            [*about_file, file.file_storage_data, file.file_type, file.mimetype],
        ).where(file.task_id == id_),
    )


_STATEMENT = SingleStatement(_statement())


def read_task(task_id: int) -> TaskRecord | None:
    """Return a task as clients see it, ``None`` if there is none.

    Args:
        task_id: any number.
    """
    if not 0 < task_id <= MAX_ROW_ID:
        return None
    rows = sorted(_STATEMENT.rows({"task_id": task_id}), key=itemgetter(0, 1))
    if not rows or rows[0][0] != _TASK:
        return None
    task = _task_of_row(task_id, rows[0])
    for row in rows[1:]:
        kind, number, flag = row[:3]
        if kind == _LINK:
            task.links.append(LinkRecord(row[3], row[4]))
        elif kind == _STEP:
            task.steps.append(StepRecord(row[3], row[4], row[5], bool(flag)))
        else:
            task.outputs.append(FileRecord(number, *row[3 : 3 + _TEXTS]))
    return task


def _task_of_row(task_id: int, row: tuple[Any, ...]) -> TaskRecord:
    _, attempts, has_message, state, status, log, unit, worker, owner, *rest = row
    started, finished, lease_end, value, start, target = rest
    return TaskRecord(
        id=task_id,
        state=state,
        task_status=status,
        task_log=log,
        started_at=started,
        finished_at=finished,
        attempts=attempts,
        progress_value=value,
        progress_start=start,
        progress_target=target,
        progress_unit=unit,
        worker_id=worker,
        owner=owner,
        has_message=bool(has_message),
        lease_ends_at=lease_end,
    )
