# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Pages of the list of tasks, newest first, at a cost that does not grow with the list.

A page begins where the one before ended (a keyset: ids only grow), and every filter turns
into searches that each walk one index from there::

    state      one search for each state                 index (state, id)
    plugin     one search for each task name of it       index (task_name, id)
    times      a range of ids                            index (started_at)
    owner      alone: one search                         index (owner, id)
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from .db import DB
from .db.models.tasks import FINAL_STATES, ProcessingTask, TaskState

OPEN_STATES = frozenset(state.value for state in TaskState) - FINAL_STATES

# Servers whose clocks disagree give later ids earlier times.
_CLOCK_DIFFERENCE = timedelta(hours=1)

_COLUMNS = (
    ProcessingTask.id,
    ProcessingTask.task_name,
    ProcessingTask.state,
    ProcessingTask.task_status,
    ProcessingTask.started_at,
    ProcessingTask.finished_at,
    ProcessingTask.progress_value,
    ProcessingTask.progress_start,
    ProcessingTask.progress_target,
    ProcessingTask.progress_unit,
)

#: The states that a status stands for.
STATES_OF_STATUS = {
    "PENDING": OPEN_STATES,
    "SUCCESS": frozenset([TaskState.SUCCEEDED.value]),
    "FAILURE": FINAL_STATES - {TaskState.SUCCEEDED.value},
    "UNKNOWN": frozenset([TaskState.FAILED.value]),
}


@dataclass(frozen=True)
class TaskFilter:
    """Which tasks to list; a value of ``None`` leaves a filter out.

    Attributes:
        state: one of the states of a task.
        status: ``PENDING``, ``SUCCESS``, ``FAILURE`` or ``UNKNOWN``.
        plugin: name or identifier of a plugin.
        since: tasks that were submitted then or later.
        until: tasks that were submitted then or earlier.
        owner: name of whom the tasks belong to.
    """

    state: str | None = None
    status: str | None = None
    plugin: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    owner: str | None = None

    @property
    def states(self) -> Collection[str] | None:
        """The allowed states, ``None`` for all."""
        if self.status is None:
            return None if self.state is None else [self.state]
        states = STATES_OF_STATUS[self.status]
        if self.state is not None:
            states = states & {self.state}
        return sorted(states)


@dataclass(frozen=True)
class TaskPage:
    """Some tasks.

    Attributes:
        tasks: rows with the columns that a list shows.
        next_before: what the next page has to begin before, ``None`` on the last page.
    """

    tasks: Sequence[Any] = field(default_factory=list)
    next_before: int | None = None


def list_tasks(wanted: TaskFilter, limit: int, before: int | None = None) -> TaskPage:
    """Return one page of tasks, newest first.

    Args:
        wanted: which tasks.
        limit: how many at most.
        before: only tasks with smaller ids, see ``TaskPage.next_before``.
    """
    conditions = _conditions(wanted)
    if conditions is None:
        return TaskPage()
    if before is not None:
        conditions.append(ProcessingTask.id < before)
    searches = [
        sa.select(ProcessingTask.id)
        .where(*conditions, *own_conditions)
        .order_by(ProcessingTask.id.desc())
        .limit(limit + 1)
        for own_conditions in _searches(wanted)
    ]
    ids = _newest(searches, limit + 1)
    page = ids[:limit]
    rows = DB.session.execute(
        sa.select(*_COLUMNS)
        .where(ProcessingTask.id.in_(page))
        .order_by(ProcessingTask.id.desc())
    ).all()
    return TaskPage(rows, page[-1] if len(ids) > limit else None)


def _newest(searches: Sequence[sa.Select[tuple[int]]], limit: int) -> Sequence[int]:
    if not searches:
        return []
    if len(searches) == 1:
        return DB.session.scalars(searches[0]).all()
    # In a union, SQLite takes order and limit only within a subquery.
    parts = sa.union_all(*(sa.select(part.subquery().c.id) for part in searches))
    found = parts.subquery()
    return DB.session.scalars(
        sa.select(found.c.id).order_by(found.c.id.desc()).limit(limit)
    ).all()


def _searches(wanted: TaskFilter) -> list[list[sa.ColumnElement[bool]]]:
    """Return the conditions of each search; each has an index that leads to its rows."""
    states = wanted.states
    names = None if wanted.plugin is None else task_names_of_plugin(wanted.plugin)
    if states is not None and (names is None or OPEN_STATES.issuperset(states)):
        # Few tasks are open at a time, so their states come first.
        more = [] if names is None else [ProcessingTask.task_name.in_(names)]
        return [[ProcessingTask.state == state, *more] for state in states]
    if names is not None:
        more = [] if states is None else [ProcessingTask.state.in_(states)]
        return [[ProcessingTask.task_name == name, *more] for name in names]
    return [[]]


def _conditions(wanted: TaskFilter) -> list[sa.ColumnElement[bool]] | None:
    """Return the conditions that hold for all searches, ``None`` if no row meets them."""
    conditions: list[sa.ColumnElement[bool]] = []
    if wanted.status == "UNKNOWN":
        conditions.append(ProcessingTask.task_status.is_(None))
    elif wanted.status == "FAILURE":
        conditions.append(ProcessingTask.task_status.is_not(None))
    if wanted.owner is not None:
        conditions.append(ProcessingTask.owner == wanted.owner)
    started = ProcessingTask.started_at
    if wanted.since is not None:
        early = started >= wanted.since - _CLOCK_DIFFERENCE
        first = _id_of_first(early, started)
        if first is None:
            return None
        conditions += [ProcessingTask.id >= first, started >= wanted.since]
    if wanted.until is not None:
        late = started <= wanted.until + _CLOCK_DIFFERENCE
        last = _id_of_first(late, started.desc())
        if last is None:
            return None
        conditions += [ProcessingTask.id <= last, started <= wanted.until]
    return conditions


def _id_of_first(condition: sa.ColumnElement[bool], order: Any) -> int | None:
    query = sa.select(ProcessingTask.id).where(condition).order_by(order).limit(1)
    return DB.session.scalar(query)


def task_names_of_plugin(plugin: str) -> list[str]:
    """Return the names of all tasks that a plugin has ever started.

    Args:
        plugin: its identifier (``name@version``), or its name for all versions.
    """
    # Jumps from name to name through the index. Conditions on a prefix would depend on
    # the collation of the database.
    smallest = sa.select(sa.func.min(ProcessingTask.task_name).label("name"))
    names = smallest.cte("names", recursive=True)
    following = (
        sa.select(sa.func.min(ProcessingTask.task_name))
        .where(ProcessingTask.task_name > names.c.name)
        .scalar_subquery()
    )
    names = names.union_all(sa.select(following).where(names.c.name.is_not(None)))
    found = DB.session.scalars(sa.select(names.c.name).where(names.c.name.is_not(None)))
    prefixes = (f"{plugin}.", f"{plugin}@")
    return [name for name in found if name.startswith(prefixes)]
