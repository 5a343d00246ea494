# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""What the list of tasks takes as query and says about each task."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import Any

from marshmallow import EXCLUDE
from marshmallow.fields import DateTime, Field, Integer, List, Nested, String
from marshmallow.validate import Length, OneOf, Range

from qhana_plugin_runner.api.plugin_schemas import ApiLinkSchema
from qhana_plugin_runner.api.task_schemas import (
    STATUS_VALUES,
    ProgressSchema,
    progress_document,
    time_text,
)
from qhana_plugin_runner.api.util import MaBaseSchema
from qhana_plugin_runner.db.models.base import MAX_ROW_ID
from qhana_plugin_runner.db.models.tasks import TaskState

DEFAULT_LIMIT = 25
MAX_LIMIT = 100

_CURSOR = re.compile("before-([0-9]{1,10})")
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_LAST = datetime(9998, 12, 31, tzinfo=timezone.utc)
_FRACTION = re.compile(r"\.(\d+)")
_OFFSET_AFTER_SPACE = re.compile(r" (\d\d:\d\d)$")


class TimeField(Field):
    """A time as in ISO 8601; without an offset it is taken for UTC."""

    default_error_messages = {"invalid": "Not a valid ISO 8601 time."}

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> datetime:
        # An unquoted + of an offset arrives as a space.
        text = _OFFSET_AFTER_SPACE.sub(r"+\1", re.sub("[zZ]$", "+00:00", str(value)))
        # Python 3.10 reads fractions of three or six digits only.
        text = _FRACTION.sub(lambda match: f".{match[1][:6]:0<6}", text)
        try:
            time = datetime.fromisoformat(text)
        except ValueError as err:
            raise self.make_error("invalid") from err
        # No task is older or younger, and the ends of the calendar have no UTC.
        if time.year < _EPOCH.year:
            return _EPOCH
        if time.year > _LAST.year:
            return _LAST
        return time.astimezone(timezone.utc) if time.tzinfo else _utc(time)


class CursorField(Field):
    """Where a page begins; clients take it from the link to the page."""

    default_error_messages = {"invalid": "Not a cursor of this list."}

    def _serialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        return None if value is None else cursor_text(value)

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> int:
        number = _CURSOR.fullmatch(str(value))
        if number is None:
            raise self.make_error("invalid")
        return min(int(number[1]), MAX_ROW_ID)


def cursor_text(before: int) -> str:
    """Return the cursor of a page whose tasks have smaller ids."""
    return f"before-{before}"


def _utc(time: datetime) -> datetime:
    return time.replace(tzinfo=timezone.utc)


class TaskListQuerySchema(MaBaseSchema):
    """The query of the list of tasks."""

    class Meta:
        unknown = EXCLUDE

    state = String(
        validate=OneOf([state.value for state in TaskState]),
        metadata={"description": "Only tasks in this state."},
    )
    status = String(
        validate=OneOf(STATUS_VALUES),
        metadata={"description": "Only tasks with this status."},
    )
    plugin = String(
        validate=Length(min=1, max=500),
        metadata={"description": "Only tasks of this plugin (identifier or name)."},
    )
    since = TimeField(
        metadata={
            "description": "Only tasks that were submitted then or later.",
            "format": "date-time",
            "type": "string",
        }
    )
    until = TimeField(
        metadata={
            "description": "Only tasks that were submitted then or earlier.",
            "format": "date-time",
            "type": "string",
        }
    )
    limit = Integer(
        load_default=DEFAULT_LIMIT,
        validate=Range(1, MAX_LIMIT),
        metadata={"description": "How many tasks a page has at most."},
    )
    cursor = CursorField(
        metadata={
            "description": "From the link to the next page.",
            "type": "string",
            "pattern": f"^{_CURSOR.pattern}$",
        }
    )


class TaskSummarySchema(MaBaseSchema):
    """A task in a list."""

    href = String(required=True, metadata={"description": "The task itself."})
    task_id = Integer(required=True)
    name = String(required=True)
    plugin = String(
        required=True, metadata={"description": "The identifier of its plugin."}
    )
    status = String(required=True, validate=OneOf(STATUS_VALUES))
    state = String(required=True)
    started_at = DateTime(required=True, metadata={"description": "Time of submission."})
    finished_at = DateTime(required=False)
    progress = Nested(ProgressSchema, required=False)


class TaskListSchema(MaBaseSchema):
    """A page of tasks, newest first."""

    tasks = List(Nested(TaskSummarySchema), required=True)
    links = List(
        Nested(ApiLinkSchema),
        required=True,
        metadata={"description": "Types: self, and next unless this is the last page."},
    )


def task_summary(task: Any, href: str) -> dict[str, Any]:
    """Return what a list says about a task.

    Args:
        task: a row of :func:`qhana_plugin_runner.task_list.list_tasks`.
        href: absolute URL of the task.
    """
    summary: dict[str, Any] = {
        "href": href,
        "taskId": task.id,
        "name": task.task_name,
        "plugin": task.task_name.partition(".")[0],
        "status": _status(task),
        "state": task.state,
        "startedAt": time_text(task.started_at),
    }
    if task.finished_at is not None:
        summary["finishedAt"] = time_text(task.finished_at)
    progress = progress_document(task)
    if progress is not None:
        summary["progress"] = progress
    return summary


def _status(task: Any) -> str:
    return "PENDING" if task.finished_at is None else task.task_status or "UNKNOWN"
