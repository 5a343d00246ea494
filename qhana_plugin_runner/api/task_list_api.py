# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The list of tasks."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from flask import current_app, jsonify, request, url_for
from flask.views import MethodView
from webargs.flaskparser import abort

from qhana_plugin_runner.api.task_list_schemas import (
    TaskListQuerySchema,
    TaskListSchema,
    cursor_text,
    task_summary,
)
from qhana_plugin_runner.api.tasks_api import TASKS_API, task_href
from qhana_plugin_runner.babel import gettext
from qhana_plugin_runner.identity import current_identity
from qhana_plugin_runner.task_list import TaskFilter, list_tasks


@TASKS_API.route("/")
class TasksView(MethodView):
    """All tasks."""

    @TASKS_API.arguments(TaskListQuerySchema(), location="query", as_kwargs=True)
    @TASKS_API.response(HTTPStatus.OK, TaskListSchema())
    @TASKS_API.alt_response(HTTPStatus.FORBIDDEN, "DEFAULT_ERROR")
    def get(self, limit: int, cursor: int | None = None, **filters: Any) -> Any:
        """List tasks, newest first.

        With a token these are the tasks of its owner, or all tasks for an admin. Follow
        the link of type ``next`` for the next page.
        """
        page = list_tasks(TaskFilter(**filters, owner=_owner()), limit, cursor)
        links = [{"type": "self", "href": _page_href()}]
        if page.next_before is not None:
            next_page = _page_href(cursor=cursor_text(page.next_before))
            links.append({"type": "next", "href": next_page})
        tasks = [task_summary(task, task_href(task.id)) for task in page.tasks]
        response = jsonify({"tasks": tasks, "links": links})
        response.headers["Cache-Control"] = "no-store"
        return response


def _owner() -> str | None:
    """Return whose tasks the list shows, ``None`` for all."""
    identity = current_identity()
    if identity is None and not current_app.config["TASK_LIST_PUBLIC"]:
        message = gettext(
            "The list of all tasks is not public here; with a token it shows your own. "
            "The setting TASK_LIST_PUBLIC opens it."
        )
        abort(403, message=message)
    return None if identity is None or identity.is_admin else identity.subject


def _page_href(**changed: str) -> str:
    known = TaskListQuerySchema().fields
    query = {key: value for key, value in request.args.items() if key in known}
    query.update(changed)
    return url_for("tasks-api.TasksView", _external=True, **query)
