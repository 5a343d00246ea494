# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Live updates of a task as server-sent events, so that a page need not poll."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from contextlib import ExitStack
from http import HTTPStatus
from typing import Any

from flask import Response, json, request, stream_with_context
from flask.views import MethodView
from sqlalchemy.exc import SQLAlchemyError
from webargs.flaskparser import abort

from qhana_plugin_runner.api.tasks_api import (
    TASKS_API,
    document_of,
    find_task,
    load_task,
)
from qhana_plugin_runner.babel import gettext
from qhana_plugin_runner.db import DB
from qhana_plugin_runner.task_watch import (
    Snapshot,
    TaskWatch,
    WatchedTask,
    current_watch,
)

_LOGGER = logging.getLogger("qhana_plugin_runner.api.task_events")

#: Seconds without an event after which a comment keeps the connection alive, and finds
#: out whether the client is still there.
HEARTBEAT_SECONDS = 15.0

_RETRY = "retry: 3000\n\n"
_HEARTBEAT = ": still there\n\n"


@TASKS_API.route("/<task:task_id>/events/", strict_slashes=False)
class TaskEventsView(MethodView):
    """What happens to one task."""

    @TASKS_API.response(
        HTTPStatus.OK,
        {"type": "string"},
        content_type="text/event-stream",
        description="Events named status, steps or details. The data of each is the "
        "task document.",
    )
    @TASKS_API.alt_response(
        HTTPStatus.NO_CONTENT, description="The task has ended; do not ask again."
    )
    @TASKS_API.alt_response(HTTPStatus.NOT_FOUND, "DEFAULT_ERROR")
    @TASKS_API.alt_response(HTTPStatus.SERVICE_UNAVAILABLE, "DEFAULT_ERROR")
    def get(self, task_id: int) -> Any:
        """Get the task now and whenever it changes, until it has ended.

        If there are too many listeners already the answer is 503: poll the task instead.
        """
        load_task(task_id)
        DB.session.remove()
        if not request.environ["wsgi.multithread"]:
            message = gettext("This server has no thread to spare. Poll the task.")
            abort(503, message=message)
        watch, stack = current_watch(), ExitStack()
        task = stack.enter_context(watch.listen(task_id))
        if _has_seen_the_end(task.snapshot):
            stack.close()
            return Response(status=HTTPStatus.NO_CONTENT)
        response = Response(
            stream_with_context(_events(watch, task)), mimetype="text/event-stream"
        )
        response.headers["Cache-Control"] = "no-store"
        response.headers["X-Accel-Buffering"] = "no"  # nginx would collect events
        response.call_on_close(stack.close)
        return response


def _has_seen_the_end(snapshot: Snapshot | None) -> bool:
    """Tell whether the client only connects again because the stream has ended."""
    seen = request.headers.get("Last-Event-ID")
    return snapshot is not None and snapshot.is_final and seen == _event_id(snapshot)


def _events(watch: TaskWatch, task: WatchedTask) -> Iterator[str]:
    """Yield the text of the events until the task has ended or is deleted."""
    yield _RETRY
    seen: Snapshot | None = None
    while (snapshot := task.snapshot) is not None:
        data = _data(task)
        if data is None:
            return
        kinds = ["status"] if seen is None else snapshot.changes_since(seen)
        for kind in kinds:
            yield f"event: {kind}\nid: {_event_id(snapshot)}\ndata: {data}\n\n"
        if snapshot.is_final:
            return
        seen = snapshot
        while not watch.wait(task, seen, HEARTBEAT_SECONDS):
            yield _HEARTBEAT


def _data(task: WatchedTask) -> str | None:
    try:
        return task.document(request.url_root, lambda: _document(task.id))
    except SQLAlchemyError as err:
        # The client connects again and finds the task as it is then.
        _LOGGER.warning("A listener to task %s is sent away: %s", task.id, err)
        return None


def _document(task_id: int) -> str | None:
    try:
        task = find_task(task_id)
        return None if task is None else json.dumps(document_of(task))
    finally:
        DB.session.remove()  # a listener must not keep a connection


def _event_id(snapshot: Snapshot) -> str:
    return hashlib.sha256(repr(snapshot).encode()).hexdigest()[:16]
