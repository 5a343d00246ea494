# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Step 9 of the request flow (row -> JSON): the status of tasks and subscriptions."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

from flask import Response, jsonify
from flask.views import MethodView
from webargs.flaskparser import abort

from qhana_plugin_runner import recovery, retention, webhooks
from qhana_plugin_runner.api.access import may_see_task, require_power_over_task
from qhana_plugin_runner.api.task_ids import current_task_ids
from qhana_plugin_runner.api.task_schemas import (
    TaskCommandSchema,
    TaskSchema,
    task_document,
)
from qhana_plugin_runner.api.util import SecurityBlueprint
from qhana_plugin_runner.babel import gettext
from qhana_plugin_runner.db.models.task_record import FileRecord, TaskRecord, read_task
from qhana_plugin_runner.db.models.tasks import ProcessingTask, TaskState
from qhana_plugin_runner.storage import STORE
from qhana_plugin_runner.util.url_prefixes import numbered_url

_LOGGER = logging.getLogger("qhana_plugin_runner.api.tasks")

TASKS_API = SecurityBlueprint(
    "tasks-api",
    __name__,
    description="The status of tasks.",
    url_prefix="/tasks",
)


@TASKS_API.route("/<task:task_id>/")
class TaskView(MethodView):
    """One task."""

    @TASKS_API.response(HTTPStatus.OK, TaskSchema())
    @TASKS_API.alt_response(HTTPStatus.NOT_FOUND, "DEFAULT_ERROR")
    def get(self, task_id: int) -> Any:
        """Get the status of a task with its steps and, once it has ended, its outputs."""
        return task_answer(load_task(task_id))

    @TASKS_API.arguments(TaskCommandSchema(), location="json")
    @TASKS_API.response(HTTPStatus.OK, TaskSchema())
    @TASKS_API.alt_response(HTTPStatus.BAD_REQUEST, "DEFAULT_ERROR")
    @TASKS_API.alt_response(HTTPStatus.NOT_FOUND, "DEFAULT_ERROR")
    def post(self, command: dict[str, Any], task_id: int) -> Any:
        """Subscribe a webhook to the task, or end its subscription."""
        load_task(task_id)
        task = ProcessingTask.get_by_id(task_id)
        if task is None:
            abort(404, message=gettext("Task not found."))  # deleted meanwhile
        webhook, event = command["webhook_href"], command["event"]
        if command["command"] == "subscribe":
            webhooks.subscribe(task, webhook, task_href(task_id), event)
        elif command["command"] == "unsubscribe":
            webhooks.unsubscribe(task, webhook, event)
        else:
            message = gettext(
                "Command '%(name)s' is not supported!", name=command["command"]
            )
            abort(400, message=message)
        return task_answer(load_task(task_id))

    @TASKS_API.response(HTTPStatus.NO_CONTENT)
    @TASKS_API.alt_response(HTTPStatus.NOT_FOUND, "DEFAULT_ERROR")
    @TASKS_API.alt_response(HTTPStatus.CONFLICT, "DEFAULT_ERROR")
    def delete(self, task_id: int) -> None:
        """Delete the task with its files; it is cancelled first if it has not ended."""
        task = load_task(task_id)
        require_power_over_task(task.owner)
        if not retention.delete_task(task_id):
            abort(404, message=gettext("Task not found."))


def load_task(task_id: int) -> TaskRecord:
    """Return a task with all that its document needs.

    Answers 404 if there is none, or none that this request may see. A task whose worker
    died is closed on the way.
    """
    task = find_task(task_id)
    if task is None or not may_see_task(task.owner):
        abort(404, message=gettext("Task not found."))
    return task


def find_task(task_id: int) -> TaskRecord | None:
    """Return a task as :func:`load_task` does, ``None`` if there is none."""
    task = read_task(task_id)
    if task is None or task.state != TaskState.RUNNING.value:
        return task
    return read_task(task_id) if recovery.close_if_lost(task) else task


def task_answer(task: TaskRecord) -> Response:
    """Return the document of a task as the answer to a request."""
    response = jsonify(document_of(task))
    response.headers["Cache-Control"] = "no-store"
    return response


def document_of(task: TaskRecord) -> dict[str, Any]:
    """Return the document of a task for the client of this request."""
    url_of = STORE.record_urls()

    def file_url(file: FileRecord) -> str | None:
        try:
            return url_of(file)
        except Exception as err:  # stores of plugins raise what they like
            _LOGGER.error("The file %s of a task has no URL: %s", file.id, err)
            return None

    return task_document(task, task_href(task.id), file_url)


def task_href(task_id: int) -> str:
    """Return the URL of a task for the client of this request."""
    text = current_task_ids().to_text(task_id)
    return numbered_url("tasks-api.TaskView", "task_id", text)
