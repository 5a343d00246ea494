# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Step 9 of a request: what a task says about itself, and how a row becomes it.

The document is put together by hand, because clients poll it; the schemas describe it
in the OpenAPI document, and a test holds the two together.

``steps[]`` and ``progress`` are closed records: a client fails at any additional key.
New fields may only appear at the top level, in ``links[]`` and in ``outputs[]``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

from marshmallow import RAISE
from marshmallow.fields import Boolean, DateTime, Integer, List, Nested, String, Url
from marshmallow.validate import Length, OneOf

from qhana_plugin_runner.api.plugin_schemas import ApiLinkSchema
from qhana_plugin_runner.api.util import MaBaseSchema
from qhana_plugin_runner.db.models.task_parts import TEMPORARY_FILE_TYPE
from qhana_plugin_runner.db.models.task_record import FileRecord, TaskRecord

__all__ = [
    "COMMANDS",
    "FileQuerySchema",
    "TaskCommandSchema",
    "TaskSchema",
    "task_document",
]

COMMANDS = ("subscribe", "unsubscribe")
STATUS_VALUES = ("PENDING", "SUCCESS", "FAILURE", "UNKNOWN")

#: Longest webhook URL; longer ones cannot be stored everywhere.
MAX_WEBHOOK_LENGTH = 500
#: Longest name of an event (the length of its column).
MAX_EVENT_LENGTH = 64


class ProgressSchema(MaBaseSchema):
    """How far a task has come. A closed record."""

    value = Integer(required=True)
    start = Integer(required=True)
    target = Integer(required=True)
    unit = String(required=True)


class StepSchema(MaBaseSchema):
    """A place in a task where somebody has to enter something. A closed record."""

    step_id = String(required=True)
    href = String(required=True, metadata={"description": "Takes the input."})
    ui_href = String(required=True, metadata={"description": "The micro frontend."})
    cleared = Boolean(required=True)


class OutputSchema(MaBaseSchema):
    """A result file of a task."""

    name = String(required=False)
    data_type = String(required=True)
    content_type = String(required=True)
    href = String(required=True, metadata={"format": "url"})


class TaskSchema(MaBaseSchema):
    """The status of a task."""

    status = String(required=True, validate=OneOf(STATUS_VALUES))
    state = String(
        required=False,
        metadata={"description": "What the task is doing; finer than the status."},
    )
    started_at = DateTime(required=False, metadata={"description": "Time of submission."})
    finished_at = DateTime(required=False)
    attempts = Integer(
        required=False,
        metadata={"description": "How many messages of the task workers took up."},
    )
    log = String(required=True)
    progress = Nested(ProgressSchema, required=False)
    steps = List(Nested(StepSchema), required=False)
    links = List(Nested(ApiLinkSchema), required=True)
    outputs = List(Nested(OutputSchema), required=True)


class TaskCommandSchema(MaBaseSchema):
    """What may be asked of a task."""

    class Meta:
        unknown = RAISE

    # null is answered by the view: clients know that answer as 400.
    command = String(
        required=True,
        allow_none=True,
        validate=OneOf(COMMANDS),
        metadata={"enum": list(COMMANDS), "nullable": False},
    )
    webhook_href = Url(
        required=True,
        schemes=("http", "https"),
        require_tld=False,
        validate=Length(max=MAX_WEBHOOK_LENGTH),
    )
    event = String(
        allow_none=True,
        load_default=None,
        validate=Length(max=MAX_EVENT_LENGTH),
        metadata={"description": "status, steps or details; absent for all events."},
    )


class FileQuerySchema(MaBaseSchema):
    """The query of a file URL."""

    file_id = String(
        required=True,
        data_key="file-id",
        metadata={"description": "The security tag of the file."},
    )


def task_document(
    task: TaskRecord, href: str, file_url: Callable[[FileRecord], str | None]
) -> dict[str, Any]:
    """Return the JSON document of a task.

    Args:
        task: what is known of it.
        href: absolute URL of the task; subscriptions are sent there.
        file_url: returns the absolute URL of a result file, ``None`` if there is none
            (such an output is left out).
    """
    document: dict[str, Any] = {
        "status": task.status,
        "state": task.state,
        "startedAt": time_text(task.started_at),
        "attempts": task.attempts,
        "log": task.task_log or "",
        "links": [
            {"type": "subscribe", "href": href},
            *({"type": link.type, "href": link.href} for link in task.links),
            {"type": "events", "href": f"{href}events/"},
        ],
        "outputs": [],
    }
    if task.finished_at is not None:
        document["finishedAt"] = time_text(task.finished_at)
        document["outputs"] = _outputs(task, file_url)
    progress = progress_document(task)
    if progress is not None:
        document["progress"] = progress
    if task.steps:
        document["steps"] = [
            {
                "stepId": step.step_id,
                "href": step.href,
                "uiHref": step.ui_href,
                "cleared": bool(step.cleared),
            }
            for step in task.steps
        ]
    return document


def _outputs(
    task: TaskRecord, file_url: Callable[[FileRecord], str | None]
) -> list[dict[str, str]]:
    outputs = []
    for file in task.outputs:
        if (
            not file.file_type
            or file.file_type == TEMPORARY_FILE_TYPE
            or not file.mimetype
        ):
            continue
        href = file_url(file)
        if href is None:
            continue
        output = {
            "dataType": file.file_type,
            "contentType": file.mimetype,
            "href": href,
        }
        if file.file_name is not None:
            output["name"] = file.file_name
        outputs.append(output)
    return outputs


def progress_document(task: Any) -> dict[str, Any] | None:
    """Return the progress of a task (or a row with its columns), ``None`` without one."""
    value = task.progress_value
    numbers = (value, task.progress_start, task.progress_target)
    if value is None or not all(math.isfinite(number or 0) for number in numbers):
        return None
    return {
        "value": int(value),
        "start": int(task.progress_start or 0),
        "target": int(task.progress_target or 0),
        "unit": task.progress_unit or "",
    }


def time_text(moment: datetime | None) -> str | None:
    """Return a time in ISO 8601, with the offset of UTC."""
    if moment is None:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return moment.isoformat()
