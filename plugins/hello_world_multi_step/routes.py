# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The views of the plugin: three for the task and two for its step."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import marshmallow as ma
from celery.canvas import chain
from flask import current_app, redirect, render_template, request, url_for
from flask.views import MethodView
from flask.wrappers import Response
from flask_smorest import abort

from qhana_plugin_runner.api.plugin_schemas import (
    EntryPoint,
    OutputDataMetadata,
    PluginMetadata,
    PluginMetadataSchema,
    PluginType,
)
from qhana_plugin_runner.db.models.tasks import ProcessingTask
from qhana_plugin_runner.tasks import (
    TASK_STEPS_CHANGED,
    add_step,
    save_task_error,
    save_task_result,
)

from . import HELLO_MULTI_BLP, HelloWorldMultiStep
from .schemas import DemoStepParametersSchema, HelloWorldParametersSchema
from .tasks import preprocessing_task, processing_task

STEP_ID = "demo-step"

HELP_TEXT = """
Writes the **first text** into `output1.txt`, then asks for a **second text** and writes
it into `output2.txt`.
"""
STEP_HELP_TEXT = "The task waits for this **second text** and ends once it is written."


def _output(name: str) -> OutputDataMetadata:
    return OutputDataMetadata(
        data_type="custom/hello-world-output",
        content_type=["text/plain"],
        required=True,
        name=name,
    )


@HELLO_MULTI_BLP.route("/")
class PluginsView(MethodView):
    """The metadata of the plugin."""

    @HELLO_MULTI_BLP.response(HTTPStatus.OK, PluginMetadataSchema)
    @HELLO_MULTI_BLP.require_jwt("jwt", optional=True)
    def get(self) -> PluginMetadata:
        """Get the plugin metadata."""
        plugin = HelloWorldMultiStep.instance
        return PluginMetadata(
            title="Hello World in several steps",
            description=plugin.description,
            name=plugin.name,
            version=plugin.version,
            type=PluginType.processing,
            entry_point=EntryPoint(
                href=url_for(f"{HELLO_MULTI_BLP.name}.{ProcessView.__name__}"),
                ui_href=url_for(f"{HELLO_MULTI_BLP.name}.{MicroFrontend.__name__}"),
                data_input=[],
                data_output=[_output("output1.txt"), _output("output2.txt")],
            ),
            tags=plugin.tags,
        )


@HELLO_MULTI_BLP.route("/ui/")
class MicroFrontend(MethodView):
    """The micro frontend that starts a task."""

    @HELLO_MULTI_BLP.html_response(HTTPStatus.OK, description="The micro frontend.")
    @HELLO_MULTI_BLP.arguments(
        HelloWorldParametersSchema(
            partial=True, unknown=ma.EXCLUDE, validate_errors_as_result=True
        ),
        location="query",
        required=False,
    )
    @HELLO_MULTI_BLP.require_jwt("jwt", optional=True)
    def get(self, errors: dict) -> str:
        """Return the form, filled from the query."""
        return self.render(request.args, errors, valid=False)

    @HELLO_MULTI_BLP.html_response(HTTPStatus.OK, description="The micro frontend.")
    @HELLO_MULTI_BLP.arguments(
        HelloWorldParametersSchema(
            partial=True, unknown=ma.EXCLUDE, validate_errors_as_result=True
        ),
        location="form",
        required=False,
    )
    @HELLO_MULTI_BLP.require_jwt("jwt", optional=True)
    def post(self, errors: dict) -> str:
        """Return the form with the results of its validation."""
        return self.render(request.form, errors, valid=not errors)

    def render(self, data: Mapping[str, Any], errors: dict, valid: bool) -> str:
        plugin = HelloWorldMultiStep.instance
        return render_template(
            "simple_template.html",
            name=plugin.name,
            version=plugin.version,
            schema=HelloWorldParametersSchema(),
            values=data,
            errors=errors,
            valid=valid,
            process=url_for(f"{HELLO_MULTI_BLP.name}.{ProcessView.__name__}"),
            help_text=HELP_TEXT,
            example_values=url_for(
                f"{HELLO_MULTI_BLP.name}.{MicroFrontend.__name__}", inputStr="Hello"
            ),
        )


@HELLO_MULTI_BLP.route("/process/")
class ProcessView(MethodView):
    """Start the task."""

    @HELLO_MULTI_BLP.arguments(
        HelloWorldParametersSchema(unknown=ma.EXCLUDE), location="form"
    )
    @HELLO_MULTI_BLP.response(HTTPStatus.SEE_OTHER)
    @HELLO_MULTI_BLP.require_jwt("jwt", optional=True)
    def post(self, arguments: dict[str, Any]) -> Response:
        """Write the first text to a file, in the background; then wait for the step."""
        db_task = ProcessingTask(
            task_name=preprocessing_task.name,
            parameters=HelloWorldParametersSchema().dumps(arguments),
        )
        db_task.save(commit=True)

        # Steps may be shown by other services, so their URLs are absolute.
        step_urls = {
            "href": url_for(
                f"{HELLO_MULTI_BLP.name}.{DemoStepProcessView.__name__}",
                db_id=db_task.id,
                _external=True,
            ),
            "ui_href": url_for(
                f"{HELLO_MULTI_BLP.name}.{DemoStepFrontend.__name__}",
                db_id=db_task.id,
                _external=True,
            ),
        }
        task: chain = preprocessing_task.s(db_id=db_task.id) | add_step.s(
            db_id=db_task.id, step_id=STEP_ID, prog_value=50, **step_urls
        )
        task.link_error(save_task_error.s(db_id=db_task.id))
        task.apply_async()

        return redirect(
            url_for("tasks-api.TaskView", task_id=str(db_task.id)), HTTPStatus.SEE_OTHER
        )


def _get_waiting_task(db_id: int) -> ProcessingTask:
    """The task whose demo step is open; 404 or 409 otherwise."""
    db_task = ProcessingTask.get_by_id(id_=db_id)
    if db_task is None or db_task.task_name != preprocessing_task.name:
        abort(HTTPStatus.NOT_FOUND, message="Task not found.")
    if db_task.is_finished or not db_task.has_uncleared_step:
        abort(HTTPStatus.CONFLICT, message="The step is not open (any more).")
    return db_task


@HELLO_MULTI_BLP.route("/<int:db_id>/demo-step-ui/")
class DemoStepFrontend(MethodView):
    """The micro frontend of the step."""

    @HELLO_MULTI_BLP.html_response(HTTPStatus.OK, description="The micro frontend.")
    @HELLO_MULTI_BLP.arguments(
        DemoStepParametersSchema(
            partial=True, unknown=ma.EXCLUDE, validate_errors_as_result=True
        ),
        location="query",
        required=False,
    )
    @HELLO_MULTI_BLP.require_jwt("jwt", optional=True)
    def get(self, errors: dict, db_id: int) -> str:
        """Return the form of the step, filled from the query."""
        return self.render(request.args, errors, valid=False, db_id=db_id)

    @HELLO_MULTI_BLP.html_response(HTTPStatus.OK, description="The micro frontend.")
    @HELLO_MULTI_BLP.arguments(
        DemoStepParametersSchema(
            partial=True, unknown=ma.EXCLUDE, validate_errors_as_result=True
        ),
        location="form",
        required=False,
    )
    @HELLO_MULTI_BLP.require_jwt("jwt", optional=True)
    def post(self, errors: dict, db_id: int) -> str:
        """Return the form of the step with the results of its validation."""
        return self.render(request.form, errors, valid=not errors, db_id=db_id)

    def render(
        self, data: Mapping[str, Any], errors: dict, valid: bool, db_id: int
    ) -> str:
        _get_waiting_task(db_id)
        plugin = HelloWorldMultiStep.instance
        return render_template(
            "simple_template.html",
            name=plugin.name,
            version=plugin.version,
            schema=DemoStepParametersSchema(),
            values=data,
            errors=errors,
            valid=valid,
            process=url_for(
                f"{HELLO_MULTI_BLP.name}.{DemoStepProcessView.__name__}", db_id=db_id
            ),
            help_text=STEP_HELP_TEXT,
            example_values=url_for(
                f"{HELLO_MULTI_BLP.name}.{DemoStepFrontend.__name__}",
                db_id=db_id,
                inputStr="World",
            ),
        )


@HELLO_MULTI_BLP.route("/<int:db_id>/demo-step-process/")
class DemoStepProcessView(MethodView):
    """Go on with the task."""

    @HELLO_MULTI_BLP.arguments(
        DemoStepParametersSchema(unknown=ma.EXCLUDE), location="form"
    )
    @HELLO_MULTI_BLP.response(HTTPStatus.SEE_OTHER)
    @HELLO_MULTI_BLP.require_jwt("jwt", optional=True)
    def post(self, arguments: dict[str, Any], db_id: int) -> Response:
        """Write the second text to a file, in the background; this ends the task."""
        db_task = _get_waiting_task(db_id)
        db_task.parameters = DemoStepParametersSchema().dumps(arguments)
        db_task.clear_previous_step()
        db_task.save(commit=True)

        app = current_app._get_current_object()
        TASK_STEPS_CHANGED.send(app, task_id=db_task.id)

        task: chain = processing_task.s(db_id=db_id) | save_task_result.s(db_id=db_id)
        task.link_error(save_task_error.s(db_id=db_id))
        task.apply_async()

        return redirect(
            url_for("tasks-api.TaskView", task_id=str(db_id)), HTTPStatus.SEE_OTHER
        )
