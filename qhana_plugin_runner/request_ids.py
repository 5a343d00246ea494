# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The id of a request: from the client or new, and from HTTP to worker to webhook.

Anybody may choose the id of a request. It is a label for people who read logs, and
nothing is decided by it.
"""

from __future__ import annotations

from typing import Any

from celery import signals as celery_signals
from flask import Flask, Request, Response

from . import log_context
from .task_plugins import plugin_of_task
from .util.request_hooks import request_hooks

HTTP_HEADER = "X-Request-ID"
MESSAGE_HEADER = "qhana_request_id"

_ENVIRON_KEY = "qhana.request_id"
_ENVIRON_HEADER = "HTTP_X_REQUEST_ID"


def init_app(app: Flask) -> None:
    """Give each request of the app an id and each answer its header."""
    hooks = request_hooks(app)
    hooks.before(_begin)
    hooks.after(_add_header)
    hooks.at_end(_end)


def _begin(_app: Flask, request: Request) -> None:
    environ = request.environ
    given = log_context.valid_request_id(environ.get(_ENVIRON_HEADER))
    request_id = given or log_context.new_request_id()
    environ[_ENVIRON_KEY] = request_id
    log_context.push(request_id=request_id)


def _add_header(_app: Flask, request: Request, response: Response) -> None:
    response.headers[HTTP_HEADER] = request.environ[_ENVIRON_KEY]


def _end(request: Request) -> None:
    # A request context that is opened by hand ends without having begun.
    if request.environ.pop(_ENVIRON_KEY, None) is not None:
        log_context.pop()


@celery_signals.task_prerun.connect
def _message_begins(task: Any = None, **_kwargs: Any) -> None:
    request_id = log_context.valid_request_id(task.request.get(MESSAGE_HEADER))
    task_id = getattr(task, "database_id", None)
    log_context.push(
        request_id=request_id or log_context.request_id() or log_context.new_request_id(),
        task_id=None if task_id is None else str(task_id),
        plugin=plugin_of_task(task.name, task),
    )


@celery_signals.task_postrun.connect
def _message_ends(**_kwargs: Any) -> None:
    log_context.pop()
