# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Ending a task from outside, over HTTP."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from flask.views import MethodView
from webargs.flaskparser import abort

from qhana_plugin_runner import cancelling
from qhana_plugin_runner.api.access import require_power_over_task
from qhana_plugin_runner.api.task_schemas import TaskSchema
from qhana_plugin_runner.api.tasks_api import TASKS_API, load_task, task_answer
from qhana_plugin_runner.babel import gettext


@TASKS_API.route("/<task:task_id>/cancel/")
class TaskCancelView(MethodView):
    """The end of a task, if somebody wants it now."""

    @TASKS_API.response(HTTPStatus.OK, TaskSchema())
    @TASKS_API.alt_response(HTTPStatus.NOT_FOUND, "DEFAULT_ERROR")
    @TASKS_API.alt_response(HTTPStatus.CONFLICT, "DEFAULT_ERROR")
    def post(self, task_id: int) -> Any:
        """Cancel a task that has not ended; it is never run, or terminated."""
        task = load_task(task_id)
        require_power_over_task(task.owner)
        if not cancelling.cancel_task(task_id):
            task = load_task(task_id)
            message = gettext("The task has already ended: %(state)s.", state=task.state)
            abort(409, message=message)
        return task_answer(load_task(task_id))
