# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Noticing that tasks change, for whoever listens, with one statement a second.

Each server process has one thread that looks after all tasks that somebody listens to;
without listeners there is no thread. What changed is told by kind, as for webhooks:
``status``, ``steps`` and ``details``.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import sqlalchemy as sa
from flask import Flask, current_app
from sqlalchemy.exc import SQLAlchemyError

from .babel import gettext
from .db import DB
from .db.models.capped_log import log_bytes
from .db.models.task_parts import Step, TaskLink
from .db.models.tasks import FINAL_STATES, ProcessingTask
from .errors import TooManyListenersError
from .recovery import close_lost_tasks

_LOGGER = logging.getLogger("qhana_plugin_runner.task_watch")

_EXTENSION = "qhana-task-watch"

#: Seconds between two looks at the tasks.
INTERVAL_SECONDS = 1.0
# Workers close the tasks of dead workers; somebody has to if all of them are dead.
_LOOKS_FOR_DEAD_WORKERS = 10
_MOST_IDS = 500


class Snapshot(NamedTuple):
    """What can change in a task, as far as a listener is concerned.

    Attributes:
        status: state and end.
        steps: number of steps, and of cleared ones.
        details: number of links, progress and size of the log.
    """

    status: tuple[Any, ...]
    steps: tuple[Any, ...]
    details: tuple[Any, ...]

    @property
    def is_final(self) -> bool:
        """Whether the task has ended."""
        return self.status[0] in FINAL_STATES or self.status[1] is not None

    def changes_since(self, before: Snapshot | None) -> list[str]:
        """Return which kinds of things are different, the status first."""
        return [
            kind
            for kind in self._fields
            if before is None or getattr(self, kind) != getattr(before, kind)
        ]


class WatchedTask:
    """A task with at least one listener.

    Attributes:
        id: database id of the task.
        snapshot: the newest one, ``None`` if the task was deleted.
    """

    def __init__(self, id_: int) -> None:
        self.id = id_
        self.snapshot: Snapshot | None = None
        self.listeners = 0
        self._lock = threading.Lock()
        self._documents: dict[str, tuple[Snapshot | None, str | None]] = {}

    def document(self, key: str, build: Callable[[], str | None]) -> str | None:
        """Return the document of the task, which equal listeners build once a change.

        Args:
            key: what the document depends on beside the task.
            build: builds it.
        """
        snapshot = self.snapshot
        with self._lock:
            built = self._documents.get(key)
            if built is None or built[0] != snapshot:
                built = self._documents[key] = (snapshot, build())
            return built[1]


class TaskWatch:
    """The listeners of one process.

    Attributes:
        most: how many there may be at a time.
    """

    def __init__(self, app: Flask) -> None:
        self.most = int(app.config.get("TASK_EVENTS_MAX_LISTENERS", 64))
        self._app = app
        self._changed = threading.Condition()
        self._tasks: dict[int, WatchedTask] = {}
        self._thread: threading.Thread | None = None

    @property
    def listeners(self) -> int:
        """How many listeners there are now."""
        return sum(task.listeners for task in self._tasks.values())

    @contextmanager
    def listen(self, task_id: int) -> Iterator[WatchedTask]:
        """Look after a task within the context.

        Raises:
            TooManyListenersError: if there are as many listeners as there may be.
        """
        with self._changed:
            if self.listeners >= self.most:
                raise TooManyListenersError(
                    gettext(
                        "This process has %(number)s listeners already. Ask for the task "
                        "now and then instead, or try again later.",
                        number=self.most,
                    )
                )
            task = self._tasks.setdefault(task_id, WatchedTask(task_id))
            task.listeners += 1
        try:
            if task.snapshot is None:
                self._look([task])
            self._require_thread()
            yield task
        finally:
            with self._changed:
                task.listeners -= 1
                if task.listeners == 0:
                    self._tasks.pop(task_id, None)
                self._changed.notify_all()

    def wait(self, task: WatchedTask, seen: Snapshot | None, seconds: float) -> bool:
        """Wait until a task differs from what was seen.

        Returns:
            False if nothing has changed within the time.
        """
        with self._changed:
            return self._changed.wait_for(lambda: task.snapshot != seen, seconds)

    def _require_thread(self) -> None:
        with self._changed:
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="qhana-task-watch", daemon=True
                )
                self._thread.start()

    def _run(self) -> None:
        looks = 0
        while True:
            with self._changed:
                # Wakes up early when listeners leave; the interval stays.
                deadline = time.monotonic() + INTERVAL_SECONDS
                while self._tasks and (left := deadline - time.monotonic()) > 0:
                    self._changed.wait(left)
                if not self._tasks:
                    self._thread = None
                    return
                tasks = list(self._tasks.values())
            looks += 1
            try:
                with self._app.app_context():
                    if looks % _LOOKS_FOR_DEAD_WORKERS == 0:
                        close_lost_tasks()
                    self._look(tasks)
            except SQLAlchemyError as err:
                _LOGGER.warning("Listeners hear nothing of their tasks: %s", err)

    def _look(self, tasks: Iterable[WatchedTask]) -> None:
        by_id = {task.id: task for task in tasks}
        snapshots = read_snapshots(by_id)
        with self._changed:
            for id_, task in by_id.items():
                task.snapshot = snapshots.get(id_)
            self._changed.notify_all()


def read_snapshots(task_ids: Iterable[int]) -> dict[int, Snapshot]:
    """Return what can change of the tasks; those that do not exist are left out."""
    ids = list(task_ids)
    of_task = Step.id == ProcessingTask.id
    query = sa.select(
        ProcessingTask.id,
        ProcessingTask.state,
        ProcessingTask.finished_at,
        _count(of_task),
        _count(sa.and_(of_task, Step.cleared)),
        _count(TaskLink.task_id == ProcessingTask.id),
        log_bytes(ProcessingTask.task_log),
        ProcessingTask.progress_value,
        ProcessingTask.progress_start,
        ProcessingTask.progress_target,
        ProcessingTask.progress_unit,
    )
    found = {}
    for start in range(0, len(ids), _MOST_IDS):
        some = query.where(ProcessingTask.id.in_(ids[start : start + _MOST_IDS]))
        with DB.engine.connect() as connection:
            for row in map(tuple, connection.execute(some)):
                found[row[0]] = Snapshot(row[1:3], row[3:5], row[5:])
    return found


def _count(condition: sa.ColumnElement[bool]) -> sa.ScalarSelect[int]:
    return sa.select(sa.func.count()).where(condition).scalar_subquery()


def current_watch() -> TaskWatch:
    """Return the watch of the current app."""
    return current_app.extensions[_EXTENSION]


def init_app(app: Flask) -> None:
    """Prepare listening to the tasks of the app; nothing is started."""
    app.extensions[_EXTENSION] = TaskWatch(app)
