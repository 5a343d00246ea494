# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Shape: steps that are added by the plugin itself, with signals from views and tasks.

The message is sent before the last commit of its request.
"""

from http import HTTPStatus

import marshmallow as ma
from celery.canvas import chain
from flask import Flask, redirect, url_for
from flask.globals import current_app
from flask.views import MethodView
from marshmallow import EXCLUDE

from qhana_plugin_runner.api.plugin_schemas import (
    EntryPoint,
    PluginMetadata,
    PluginMetadataSchema,
    PluginType,
)
from qhana_plugin_runner.api.util import FrontendFormBaseSchema, SecurityBlueprint
from qhana_plugin_runner.celery import CELERY
from qhana_plugin_runner.db.db import DB
from qhana_plugin_runner.db.models.tasks import ProcessingTask
from qhana_plugin_runner.tasks import (
    TASK_DETAILS_CHANGED,
    TASK_STEPS_CHANGED,
    save_task_error,
    save_task_result,
)
from qhana_plugin_runner.util.plugins import QHAnaPluginBase, plugin_identifier

_plugin_name = "manual-steps"
__version__ = "v1.0.0"
_identifier = plugin_identifier(_plugin_name, __version__)

STEPS_BLP = SecurityBlueprint(_identifier, __name__, description="Steps by hand.")


class TextSchema(FrontendFormBaseSchema):
    """A text."""

    input_str = ma.fields.String(required=True, allow_none=False)


class ManualSteps(QHAnaPluginBase):
    """The plugin."""

    name = _plugin_name
    version = __version__
    description = "Adds its steps itself."
    tags = ["demo"]

    def __init__(self, app: Flask | None) -> None:
        super().__init__(app)

    def get_api_blueprint(self):
        return STEPS_BLP

    def get_requirements(self) -> str:
        return ""


@STEPS_BLP.route("/")
class PluginsView(MethodView):
    """The metadata."""

    @STEPS_BLP.response(HTTPStatus.OK, PluginMetadataSchema())
    @STEPS_BLP.require_jwt("jwt", optional=True)
    def get(self):
        """Plugin metadata."""
        return PluginMetadata(
            title="Steps by hand",
            description=ManualSteps.instance.description,
            name=ManualSteps.instance.name,
            version=ManualSteps.instance.version,
            type=PluginType.interaction,
            entry_point=EntryPoint(
                href=url_for(f"{STEPS_BLP.name}.ProcessView"), ui_href="/none/"
            ),
            tags=ManualSteps.instance.tags,
        )


@STEPS_BLP.route("/process/")
class ProcessView(MethodView):
    """The row, its data and its message in one request."""

    @STEPS_BLP.arguments(TextSchema(unknown=EXCLUDE), location="form")
    @STEPS_BLP.response(HTTPStatus.SEE_OTHER)
    @STEPS_BLP.require_jwt("jwt", optional=True)
    def post(self, arguments):
        """Start the task; the first step is there at once."""
        db_task = ProcessingTask(task_name=finish.name)
        db_task.save()
        DB.session.flush()
        href = url_for(f"{STEPS_BLP.name}.StepView", db_id=db_task.id, _external=True)
        db_task.clear_previous_step()  # there is none, which is fine
        db_task.data = {"texts": [arguments["input_str"]], "nested": {"a": {"b": []}}}
        db_task.add_next_step(href=href, ui_href=href, step_id="step0")
        db_task.save(commit=True)
        app = current_app._get_current_object()
        TASK_STEPS_CHANGED.send(app, task_id=db_task.id)
        return redirect(
            url_for("tasks-api.TaskView", task_id=str(db_task.id)), HTTPStatus.SEE_OTHER
        )


@STEPS_BLP.route("/<int:db_id>/step/")
class StepView(MethodView):
    """The step."""

    @STEPS_BLP.arguments(TextSchema(unknown=EXCLUDE), location="form")
    @STEPS_BLP.response(HTTPStatus.SEE_OTHER)
    @STEPS_BLP.require_jwt("jwt", optional=True)
    def post(self, arguments, db_id: int):
        """Take the input; the message is sent before the row is committed."""
        db_task = ProcessingTask.get_by_id(id_=db_id)
        if db_task.is_finished or not db_task.has_uncleared_step:
            return redirect(url_for("tasks-api.TaskView", task_id=str(db_id)), 303)
        step = db_task.steps[-1]
        step.cleared = True
        DB.session.add(step)
        db_task.data["texts"].append(arguments["input_str"])
        work: chain = finish.s(db_id=db_id) | save_task_result.s(db_id=db_id)
        work.link_error(save_task_error.s(db_id=db_id))
        work.apply_async()
        db_task.data["nested"]["a"]["b"].append("after apply_async")
        db_task.add_task_log_entry("step taken")
        db_task.save(commit=True)
        app = current_app._get_current_object()
        TASK_STEPS_CHANGED.send(app, task_id=db_task.id)
        return redirect(
            url_for("tasks-api.TaskView", task_id=str(db_id)), HTTPStatus.SEE_OTHER
        )


@CELERY.task(name=f"{ManualSteps.instance.identifier}.finish", bind=True)
def finish(self, db_id: int) -> str:
    """Add to the log, tell subscribers, and end."""
    db_task = ProcessingTask.get_by_id(id_=db_id)
    assert len(db_task.steps) == 1 and db_task.steps[0].step_id == "step0"
    db_task.data["nested"]["a"]["b"].append("by the task")
    db_task.add_task_log_entry("working", commit=True)
    TASK_DETAILS_CHANGED.send(current_app._get_current_object(), task_id=db_id)
    return " ".join([*db_task.data["texts"], *db_task.data["nested"]["a"]["b"]])
