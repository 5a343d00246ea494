# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Deleting tasks with everything that belongs to them, on request or when they are old.

Nothing is old unless a setting says so (``TASK_RETENTION_DAYS`` and its sisters).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import sqlalchemy as sa
from flask import current_app
from sqlalchemy.exc import IntegrityError

from .babel import gettext
from .cancelling import cancel_task
from .celery import CELERY
from .db import DB
from .db.models.base import utc_now
from .db.models.leases import TaskRun
from .db.models.task_parts import Step, TaskFile, TaskLink, TaskUpdateSubscription
from .db.models.tasks import ProcessingTask, TaskState
from .db.models.webhook_deliveries import WebhookDelivery
from .errors import TaskInUseError
from .storage import STORE
from .storage.orphans import delete_orphans

_LOGGER = logging.getLogger("qhana_plugin_runner.retention")

CLEAN_UP = "qhana-plugin-runner.clean-up"
CLEAN_UP_INTERVAL_SECONDS = 3600.0

_BATCH = 100
_FORGOTTEN_FILES_AGE_SECONDS = 24 * 3600.0
_REFERENCES = "url_file_store"

_PARTS: tuple[Any, ...] = (
    TaskFile.task_id,
    Step.id,
    TaskLink.task_id,
    TaskUpdateSubscription.task_id,
    TaskRun.task_id,
    WebhookDelivery.task_id,
)


@dataclass(frozen=True)
class RetentionRules:
    """How many days tasks are kept; ``None``: for ever.

    Attributes:
        finished: tasks that succeeded, counted from their end.
        failed: tasks that ended otherwise.
        abandoned: tasks that wait, for a worker or for input, counted from when
            something happened last. They are cancelled.
    """

    finished: float | None = None
    failed: float | None = None
    abandoned: float | None = None

    @classmethod
    def from_settings(cls) -> RetentionRules:
        """Return the rules of the current app."""
        settings = current_app.config
        finished = settings.get("TASK_RETENTION_DAYS")
        failed = settings.get("TASK_FAILED_RETENTION_DAYS")
        return cls(
            finished=finished,
            failed=finished if failed is None else failed,
            abandoned=settings.get("TASK_ABANDONED_DAYS"),
        )

    def __bool__(self) -> bool:
        return (self.finished, self.failed, self.abandoned) != (None, None, None)


@dataclass
class CleanUpReport:
    """What a clean-up did, or would do.

    Attributes:
        deleted: ids of tasks.
        cancelled: ids of tasks that waited for too long.
        in_use: ids of old tasks that are kept, because results of other tasks refer to
            their files or a plugin refers to them.
        swept: number of files and folders without a task that were deleted.
    """

    deleted: list[int] = field(default_factory=list)
    cancelled: list[int] = field(default_factory=list)
    in_use: list[int] = field(default_factory=list)
    swept: int = 0

    def __str__(self) -> str:
        return (
            f"{len(self.deleted)} tasks deleted, {len(self.cancelled)} cancelled, "
            f"{len(self.in_use)} old ones still in use, {self.swept} left-over files "
            "swept"
        )


def delete_task(task_id: int) -> bool:
    """Delete a task with its files, steps, links, subscriptions, runs and deliveries.

    A task that has not ended is cancelled first. Commits.

    Args:
        task_id: database id of the task.

    Returns:
        False if there is no such task.

    Raises:
        TaskInUseError: if a table of a plugin refers to the task; it is kept, cancelled
            if it had not ended.
    """
    if ProcessingTask.get_by_id(task_id) is None:
        return False
    cancel_task(task_id, "The task was cancelled because it is to be deleted.")
    _delete([task_id])
    return True


def clean_up(
    now: datetime | None = None,
    dry_run: bool = False,
    rules: RetentionRules | None = None,
    most: int | None = None,
) -> CleanUpReport:
    """Delete what is older than the rules allow. Commits.

    Args:
        now: the time that ages count from, default is the time now.
        dry_run: only report; files without a task are not counted then.
        rules: default are those of the settings.
        most: delete this many tasks at most.
    """
    now = now or utc_now()
    rules = rules or RetentionRules.from_settings()
    report = CleanUpReport()
    for task_id in _abandoned(rules, now):
        if dry_run or cancel_task(task_id, _abandoned_message(rules)):
            report.cancelled.append(task_id)
    expired = list(_expired(rules, now))
    referenced = _tags_of_references() if expired else set()
    expired = [id_ for id_ in expired if not _note_if_used(id_, referenced, report)]
    for start in range(0, len(expired[:most]), _BATCH):
        batch = expired[:most][start : start + _BATCH]
        report.deleted += batch if dry_run else _delete_batch(batch, report)
    if not dry_run:
        report.swept = STORE.sweep_temporary_files(_FORGOTTEN_FILES_AGE_SECONDS)
        report.swept += delete_orphans(_FORGOTTEN_FILES_AGE_SECONDS)
    return report


def _abandoned_message(rules: RetentionRules) -> str:
    days = f"{rules.abandoned:g} days"
    return f"The task was cancelled because nothing has happened for {days}."


def _abandoned(rules: RetentionRules, now: datetime) -> Sequence[int]:
    if rules.abandoned is None:
        return []
    limit = now - timedelta(days=rules.abandoned)
    query = sa.select(ProcessingTask.id).where(
        ProcessingTask.state.in_((TaskState.QUEUED.value, TaskState.WAITING.value)),
        ProcessingTask.started_at < limit,
        sa.func.coalesce(ProcessingTask.queued_at, ProcessingTask.started_at) < limit,
        sa.func.coalesce(ProcessingTask.running_since, ProcessingTask.started_at) < limit,
    )
    ids = DB.session.scalars(query.order_by(ProcessingTask.id)).all()
    DB.session.commit()
    return ids


def _expired(rules: RetentionRules, now: datetime) -> Iterator[int]:
    succeeded = ProcessingTask.state == TaskState.SUCCEEDED.value
    conditions = [
        sa.and_(is_of_kind, ProcessingTask.finished_at < now - timedelta(days=days))
        for is_of_kind, days in (
            (succeeded, rules.finished),
            (sa.not_(succeeded), rules.failed),
        )
        if days is not None
    ]
    if not conditions:
        return
    last = 0
    while True:
        query = (
            sa.select(ProcessingTask.id)
            .where(sa.or_(*conditions), ProcessingTask.id > last)
            .order_by(ProcessingTask.id)
            .limit(10 * _BATCH)
        )
        ids = DB.session.scalars(query).all()
        DB.session.commit()
        if not ids:
            return
        yield from ids
        last = ids[-1]


def _tags_of_references() -> set[str]:
    """Return the tags of all files that results of tasks refer to by URL."""
    query = sa.select(TaskFile.file_storage_data).where(
        TaskFile.storage_provider == _REFERENCES
    )
    tags: set[str] = set()
    for url in DB.session.scalars(query.execution_options(yield_per=1000)):
        try:
            tags.update(parse_qs(urlsplit(url).query).get("file-id", ()))
        except ValueError:  # no URL of this runner
            continue
    DB.session.commit()
    return tags


def _note_if_used(task_id: int, referenced: set[str], report: CleanUpReport) -> bool:
    if not referenced:
        return False
    query = sa.select(TaskFile.security_tag).where(TaskFile.task_id == task_id)
    used = not referenced.isdisjoint(DB.session.scalars(query))
    DB.session.commit()
    if used:
        report.in_use.append(task_id)
    return used


def _delete_batch(task_ids: Sequence[int], report: CleanUpReport) -> list[int]:
    try:
        _delete(task_ids)
    except TaskInUseError:
        if len(task_ids) == 1:
            report.in_use += task_ids
            return []
        deleted = []
        for task_id in task_ids:
            deleted += _delete_batch([task_id], report)
        return deleted
    return list(task_ids)


def _delete(task_ids: Sequence[int]) -> None:
    """Delete tasks that have ended: first all rows, then the files, then it counts."""
    files = DB.session.scalars(
        sa.select(TaskFile).where(TaskFile.task_id.in_(task_ids))
    ).all()
    try:
        for column in (*_PARTS, ProcessingTask.id):
            DB.session.execute(
                sa.delete(column.class_).where(column.in_(task_ids)),
                execution_options={"synchronize_session": False},
            )
    except IntegrityError as err:
        DB.session.rollback()
        ids = ", ".join(map(str, task_ids))
        raise TaskInUseError(
            gettext(
                "Task %(ids)s cannot be deleted now: something still refers to it or was "
                "just added to it. Try again, or remove what refers to it.",
                ids=ids,
            )
        ) from err
    for problem in STORE.delete_task_files(files):
        _LOGGER.error("%s", problem)
    DB.session.commit()


@CELERY.task(name=CLEAN_UP, ignore_result=True)
def clean_up_now_and_then() -> None:
    """Delete old tasks, if a setting says what is old."""
    if RetentionRules.from_settings():
        report = clean_up(most=10_000)
        _LOGGER.info("Clean-up: %s.", report)


@CELERY.on_after_finalize.connect
def _schedule(sender: Any, **_kwargs: Any) -> None:
    signature = clean_up_now_and_then.signature()
    sender.add_periodic_task(CLEAN_UP_INTERVAL_SECONDS, signature, name=CLEAN_UP)
