# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Ids of tasks in the URLs of plugins, which nobody can guess either.

Plugins have routes such as ``/<int:db_id>/step-ui/`` for the steps of a task. Whoever
counted along could go on with the tasks of others, and would be told their URL by the
redirect. So these numbers are encrypted like those of :mod:`.task_ids`; plugins do not
notice, because they build URLs with ``url_for`` and get the id of the row. A plain id is
only taken in a URL that a plugin has written by hand into a step or a link of the task.
"""

from __future__ import annotations

from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

import sqlalchemy as sa
from flask import Flask, g, request
from webargs.flaskparser import abort
from werkzeug.routing import BaseConverter, Rule, ValidationError

from qhana_plugin_runner.api.row_ids import MAX_DIGITS, MAX_ROW_ID
from qhana_plugin_runner.api.task_ids import TaskIdConverter, current_task_ids
from qhana_plugin_runner.db import DB
from qhana_plugin_runner.db.models.tasks import Step, TaskLink

#: What plugins call the id of a task in their routes.
TASK_ARGUMENTS = ("db_id", "task_id")


_GUESSED = "qhana_guessed_task_id"


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


class RunnerRule(Rule):
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
    app.url_value_preprocessor(_unwrap)
    app.before_request(_refuse_guesses)


def _unwrap(_endpoint: str | None, values: dict[str, Any] | None) -> None:
    for name, ref in (values or {}).items():
        if values is not None and isinstance(ref, _StepRef):
            values[name] = ref.row_id
            setattr(g, _GUESSED, None if ref.is_allowed else ref.row_id)


def _refuse_guesses() -> None:
    guessed = g.get(_GUESSED)
    if guessed is not None and not (guessed <= MAX_ROW_ID and _is_published(guessed)):
        abort(404, message="Task not found.")


def _is_published(row_id: int) -> bool:
    """Tell whether a plugin has put the URL of this request into its task."""
    statement = sa.union_all(
        sa.select(Step.href).where(Step.id == row_id),
        sa.select(Step.ui_href).where(Step.id == row_id),
        sa.select(TaskLink.href).where(TaskLink.task_id == row_id),
    )
    urls = DB.session.execute(statement).scalars()
    return any(_leads_here(url or "", str(row_id)) for url in urls)


def _leads_here(url: str, number: str) -> bool:
    path = unquote(urlsplit(url).path)
    if path.startswith("/"):  # perhaps with the prefix of a proxy
        return path.endswith(request.path)
    relative = path.lstrip("./")
    return number in relative.split("/") and request.path.endswith(f"/{relative}")
