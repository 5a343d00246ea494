# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Plugin ``hello-world``: stores a text in a file.

The smallest complete plugin, and the one to copy from. It shows the parts that every
plugin has:

1. a plugin class, which names the plugin and hands out its blueprint,
2. a schema, which is the form of the micro frontend and the check of its input,
3. three views: the metadata, the micro frontend and the processing endpoint,
4. a Celery task, which does the work.

| endpoint | what it does |
|---|---|
| ``GET /`` | metadata for the QHAna plugin registry |
| ``GET``, ``POST /ui/`` | the micro frontend; ``POST`` validates the form |
| ``POST /process/`` | starts the task, answers 303 to its status |

Input: ``inputStr``, a text. Output: ``out.txt`` (``custom/hello-world-output``,
``text/plain``) with that text.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from json import dumps, loads
from tempfile import SpooledTemporaryFile
from typing import Any

import marshmallow as ma
from celery.canvas import chain
from celery.utils.log import get_task_logger
from flask import Flask, redirect, render_template, request, url_for
from flask.views import MethodView
from flask.wrappers import Response

from qhana_plugin_runner.api.plugin_schemas import (
    EntryPoint,
    OutputDataMetadata,
    PluginMetadata,
    PluginMetadataSchema,
    PluginType,
)
from qhana_plugin_runner.api.util import FrontendFormBaseSchema, SecurityBlueprint
from qhana_plugin_runner.celery import CELERY
from qhana_plugin_runner.db.models.tasks import ProcessingTask
from qhana_plugin_runner.errors import TaskNotFoundError
from qhana_plugin_runner.storage import STORE
from qhana_plugin_runner.tasks import save_task_error, save_task_result
from qhana_plugin_runner.util.plugins import QHAnaPluginBase, plugin_identifier

_plugin_name = "hello-world"
__version__ = "v1.0.0"
_identifier = plugin_identifier(_plugin_name, __version__)

TASK_LOGGER = get_task_logger(__name__)

HELP_TEXT = """
Writes the **input** into the file `out.txt`.

Use this plugin to see whether the server, the worker and the file store work together.
"""

HELLO_BLP = SecurityBlueprint(
    _identifier,
    __name__,
    description="Stores a text in a file.",
)


class HelloWorld(QHAnaPluginBase):
    """What the runner knows about this plugin."""

    name = _plugin_name
    version = __version__
    description = "Tests the connection of all components by writing a text to a file."
    tags = ["hello-world", "demo"]

    def __init__(self, app: Flask | None) -> None:
        super().__init__(app)

    def get_api_blueprint(self) -> SecurityBlueprint:
        return HELLO_BLP

    def get_requirements(self) -> str:
        return ""


class HelloWorldParametersSchema(FrontendFormBaseSchema):
    """The form: one field per input."""

    input_str = ma.fields.String(
        required=True,
        allow_none=False,
        metadata={
            "label": "Input",
            "description": "The text that is written to the output file.",
            "input_type": "textarea",
        },
    )


@HELLO_BLP.route("/")
class PluginsView(MethodView):
    """The metadata of the plugin."""

    @HELLO_BLP.response(HTTPStatus.OK, PluginMetadataSchema)
    @HELLO_BLP.require_jwt("jwt", optional=True)
    def get(self) -> PluginMetadata:
        """Get the plugin metadata."""
        plugin = HelloWorld.instance
        return PluginMetadata(
            title="Hello World",
            description=plugin.description,
            name=plugin.name,
            version=plugin.version,
            type=PluginType.processing,
            entry_point=EntryPoint(
                href=url_for(f"{HELLO_BLP.name}.{ProcessView.__name__}"),
                ui_href=url_for(f"{HELLO_BLP.name}.{MicroFrontend.__name__}"),
                data_input=[],
                data_output=[
                    OutputDataMetadata(
                        data_type="custom/hello-world-output",
                        content_type=["text/plain"],
                        required=True,
                        name="out.txt",
                    )
                ],
            ),
            tags=plugin.tags,
        )


@HELLO_BLP.route("/ui/")
class MicroFrontend(MethodView):
    """The micro frontend of the plugin."""

    @HELLO_BLP.html_response(HTTPStatus.OK, description="The micro frontend.")
    @HELLO_BLP.arguments(
        HelloWorldParametersSchema(
            partial=True, unknown=ma.EXCLUDE, validate_errors_as_result=True
        ),
        location="query",
        required=False,
    )
    @HELLO_BLP.require_jwt("jwt", optional=True)
    def get(self, errors: dict) -> str:
        """Return the form, filled from the query."""
        return self.render(request.args, errors, valid=False)

    @HELLO_BLP.html_response(HTTPStatus.OK, description="The micro frontend.")
    @HELLO_BLP.arguments(
        HelloWorldParametersSchema(
            partial=True, unknown=ma.EXCLUDE, validate_errors_as_result=True
        ),
        location="form",
        required=False,
    )
    @HELLO_BLP.require_jwt("jwt", optional=True)
    def post(self, errors: dict) -> str:
        """Return the form with the results of its validation."""
        return self.render(request.form, errors, valid=not errors)

    def render(self, data: Mapping[str, Any], errors: dict, valid: bool) -> str:
        plugin = HelloWorld.instance
        return render_template(
            "simple_template.html",
            name=plugin.name,
            version=plugin.version,
            schema=HelloWorldParametersSchema(),
            values=data,
            errors=errors,
            valid=valid,
            process=url_for(f"{HELLO_BLP.name}.{ProcessView.__name__}"),
            help_text=HELP_TEXT,
            example_values=url_for(
                f"{HELLO_BLP.name}.{MicroFrontend.__name__}", inputStr="Hello QHAna!"
            ),
        )


@HELLO_BLP.route("/process/")
class ProcessView(MethodView):
    """Start the task."""

    @HELLO_BLP.arguments(HelloWorldParametersSchema(unknown=ma.EXCLUDE), location="form")
    @HELLO_BLP.response(HTTPStatus.SEE_OTHER)
    @HELLO_BLP.require_jwt("jwt", optional=True)
    def post(self, arguments: dict[str, Any]) -> Response:
        """Write the text to a file, in the background."""
        db_task = ProcessingTask(task_name=hello_task.name, parameters=dumps(arguments))
        db_task.save(commit=True)

        # The result of the task, or its error, must end up in the database row.
        task: chain = hello_task.s(db_id=db_task.id) | save_task_result.s(
            db_id=db_task.id
        )
        task.link_error(save_task_error.s(db_id=db_task.id))
        task.apply_async()

        return redirect(
            url_for("tasks-api.TaskView", task_id=str(db_task.id)), HTTPStatus.SEE_OTHER
        )


@CELERY.task(name=f"{HelloWorld.instance.identifier}.hello_task", bind=True)
def hello_task(self: Any, db_id: int) -> str:
    """Write the input of a task to its output file.

    Args:
        self: the Celery task.
        db_id: the id of the database row that holds the input.

    Returns:
        What is appended to the log of the task.

    Raises:
        TaskNotFoundError: if there is no such row.
    """
    TASK_LOGGER.info("Starting hello world task with db id %s", db_id)
    task_data = ProcessingTask.get_by_id(id_=db_id)
    if task_data is None:
        raise TaskNotFoundError(f"There is no task with the id {db_id}.")

    input_str: str = loads(task_data.parameters or "{}")["input_str"]
    with SpooledTemporaryFile(mode="w", encoding="utf-8", newline="") as output:
        output.write(input_str)
        STORE.persist_task_result(
            db_id, output, "out.txt", "custom/hello-world-output", "text/plain"
        )
    return f"Wrote {len(input_str)} characters to out.txt."
