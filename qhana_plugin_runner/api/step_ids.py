# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Ids of tasks in the URLs of plugins, which nobody can guess either.

Plugins have routes such as ``/<int:db_id>/step-ui/`` for the steps of a task. Whoever
counted along could go on with the tasks of others, and would be told their URL by the
redirect. So these numbers are encrypted like those of :mod:`.task_ids`; plugins do not
notice, because they build URLs with ``url_for`` and get the id of the row. A plain id is
only taken from the owner of the task, and by the routes of a plugin of which the task has
a URL with this id in a step or a link: whoever writes such a URL by hand, not with
``url_for``, has published the id, and pages behind it call the routes beside it.
"""

from __future__ import annotations

from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

import sqlalchemy as sa
from flask import Flask, Request, request
from webargs.flaskparser import abort
from werkzeug.routing import BaseConverter, ValidationError

from qhana_plugin_runner.api.access import is_owner
from qhana_plugin_runner.api.lazy_rules import LazyRule
from qhana_plugin_runner.api.row_ids import MAX_DIGITS
from qhana_plugin_runner.api.task_ids import (
    TASK_ARGUMENTS,
    TaskIdConverter,
    current_task_ids,
)
from qhana_plugin_runner.babel import gettext
from qhana_plugin_runner.db import DB
from qhana_plugin_runner.db.models.base import MAX_ROW_ID
from qhana_plugin_runner.db.models.tasks import ProcessingTask, Step, TaskLink
from qhana_plugin_runner.identity import current_identity
from qhana_plugin_runner.util.request_hooks import UrlValues, request_hooks

# In the request: tests may keep one application context open for many of them.
_GUESSED = "qhana.guessed_task_id"


class _StepRef(NamedTuple):
    row_id: int
    is_allowed: bool


class StepIdConverter(TaskIdConverter):
    """Stands for ``int`` where the number is the id of a task."""

    def __init__(self, url_map: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(url_map)  # limits of the number say nothing of an id

    def to_python(self, value: str) -> Any:
        """Return what a number in a URL stands for."""
        ids = current_task_ids()
        if not ids.opaque and len(value) > MAX_DIGITS:
            raise ValidationError
        ref = ids.from_text(value)
        return _StepRef(ref.row_id, ref.is_capability or not ids.opaque)


class RunnerRule(LazyRule):
    """A URL rule; in those of plugins ``<int:db_id>`` is the id of a task."""

    def get_converter(
        self, variable_name: str, converter_name: str, args: tuple, kwargs: Any
    ) -> BaseConverter:
        """Look up the converter of a variable."""
        is_task = converter_name == "int" and variable_name in TASK_ARGUMENTS
        if is_task and "/plugins/" in self.rule:
            return StepIdConverter(self.map, *args, **kwargs)
        return super().get_converter(variable_name, converter_name, args, kwargs)


def init_app(app: Flask) -> None:
    """Hand the ids of rows to the views of plugins; refuse those that were guessed."""
    hooks = request_hooks(app)
    hooks.unwrap(_unwrap)
    hooks.before(_refuse_guesses)


def _unwrap(request: Request, values: UrlValues) -> None:
    for name, ref in values.items():
        if isinstance(ref, _StepRef):
            values[name] = ref.row_id
            if not ref.is_allowed:
                request.environ[_GUESSED] = ref.row_id


def _refuse_guesses(_app: Flask, request: Request) -> None:
    guessed = request.environ.get(_GUESSED)
    if guessed is None:
        return
    if guessed > MAX_ROW_ID or not (_is_own(guessed) or _is_published(guessed)):
        abort(404, message=gettext("Task not found."))


def _is_own(row_id: int) -> bool:
    """Tell whether the task belongs to whoever sends the request."""
    query = sa.select(ProcessingTask.owner).where(ProcessingTask.id == row_id)
    return current_identity() is not None and is_owner(DB.session.scalar(query))


def _is_published(row_id: int) -> bool:
    """Tell whether the task has a URL of the plugin of this request with its plain id."""
    statement = sa.union_all(
        sa.select(Step.href).where(Step.id == row_id),
        sa.select(Step.ui_href).where(Step.id == row_id),
        sa.select(TaskLink.href).where(TaskLink.task_id == row_id),
    )
    urls = DB.session.execute(statement).scalars()
    return any(_publishes(url or "", row_id) for url in urls)


def _publishes(url: str, row_id: int) -> bool:
    path = unquote(urlsplit(url).path).rstrip("/")
    number = str(row_id)
    if path.startswith("/"):  # perhaps with the prefix of a proxy
        identifier = request.path.partition("/plugins/")[2].partition("/")[0]
        segments = path.partition(f"/plugins/{identifier}/")[2].split("/")
        # Beside the id that nobody can guess, the number is no id but that of a page.
        return number in segments and current_task_ids().to_text(row_id) not in segments
    relative = path.lstrip("./")  # names no plugin, so it stands for its own page only
    here = request.path.rstrip("/")
    return number in relative.split("/") and here.endswith(f"/{relative}")
