"""Plugin ``example-plugin``: writes a text in capital letters to a file.

``flask plugins new`` made this module. It is complete and works. Change ``transform``
first, then the form and the metadata.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from json import loads
from tempfile import SpooledTemporaryFile
from typing import Any

import marshmallow as ma
from celery.utils.log import get_task_logger
from flask import render_template, request, url_for
from flask.views import MethodView
from werkzeug import Response

from qhana_plugin_runner.api.plugin_schemas import (
    EntryPoint,
    OutputDataMetadata,
    PluginMetadata,
    PluginMetadataSchema,
    PluginType,
)
from qhana_plugin_runner.api.util import (
    FrontendFormBaseSchema,
    SecurityBlueprint,
    redirect_to_task,
)
from qhana_plugin_runner.celery import CELERY
from qhana_plugin_runner.db.models.tasks import ProcessingTask
from qhana_plugin_runner.errors import TaskNotFoundError
from qhana_plugin_runner.storage import STORE
from qhana_plugin_runner.tasks import start_task
from qhana_plugin_runner.util.plugins import QHAnaPluginBase, plugin_identifier

_plugin_name = "example-plugin"
__version__ = "v0.1.0"
_identifier = plugin_identifier(_plugin_name, __version__)

TASK_LOGGER = get_task_logger(__name__)

HELP_TEXT = "Writes the **text** in capital letters to the file `result.txt`."

BLP = SecurityBlueprint(
    _identifier,
    __name__,
    description="Writes a text in capital letters to a file.",
)


class ExamplePlugin(QHAnaPluginBase):
    """What the runner knows about this plugin."""

    name = _plugin_name
    version = __version__
    description = "Writes a text in capital letters to a file."
    tags = ["example"]

    def get_api_blueprint(self) -> SecurityBlueprint:
        return BLP

    def get_requirements(self) -> str:
        return ""  # one line per package, as in requirements.txt


class ParametersSchema(FrontendFormBaseSchema):
    """The form: one field for each input."""

    text = ma.fields.String(
        required=True,
        metadata={
            "label": "Text",
            "description": "The text to write.",
            "input_type": "textarea",
        },
    )


@BLP.route("/")
class PluginView(MethodView):
    """What other programs know about the plugin."""

    @BLP.response(HTTPStatus.OK, PluginMetadataSchema)
    @BLP.require_jwt("jwt", optional=True)
    def get(self) -> PluginMetadata:
        """Get the plugin metadata."""
        plugin = ExamplePlugin.instance
        return PluginMetadata(
            title="Example plugin",
            description=plugin.description,
            name=plugin.name,
            version=plugin.version,
            type=PluginType.processing,
            entry_point=EntryPoint(
                href=url_for(f"{BLP.name}.{ProcessView.__name__}"),
                ui_href=url_for(f"{BLP.name}.{MicroFrontend.__name__}"),
                data_input=[],
                data_output=[
                    OutputDataMetadata(
                        data_type="custom/text",
                        content_type=["text/plain"],
                        required=True,
                        name="result.txt",
                    )
                ],
            ),
            tags=plugin.tags,
        )


@BLP.route("/ui/")
class MicroFrontend(MethodView):
    """The form for people."""

    @BLP.html_response(HTTPStatus.OK, description="The micro frontend.")
    @BLP.arguments(
        ParametersSchema(
            partial=True, unknown=ma.EXCLUDE, validate_errors_as_result=True
        ),
        location="query",
        required=False,
    )
    @BLP.require_jwt("jwt", optional=True)
    def get(self, errors: dict) -> str:
        """Return the form, filled from the query."""
        return self.render(request.args, errors, valid=False)

    @BLP.html_response(HTTPStatus.OK, description="The micro frontend.")
    @BLP.arguments(
        ParametersSchema(
            partial=True, unknown=ma.EXCLUDE, validate_errors_as_result=True
        ),
        location="form",
        required=False,
    )
    @BLP.require_jwt("jwt", optional=True)
    def post(self, errors: dict) -> str:
        """Return the form with the results of its validation."""
        return self.render(request.form, errors, valid=not errors)

    def render(self, data: Mapping[str, Any], errors: dict, valid: bool) -> str:
        plugin = ExamplePlugin.instance
        ui = f"{BLP.name}.{MicroFrontend.__name__}"
        return render_template(
            "simple_template.html",
            name=plugin.name,
            version=plugin.version,
            schema=ParametersSchema(),
            values=data,
            errors=errors,
            valid=valid,
            process=url_for(f"{BLP.name}.{ProcessView.__name__}"),
            help_text=HELP_TEXT,
            example_values=url_for(ui, text="Hello QHAna!"),
        )


@BLP.route("/process/")
class ProcessView(MethodView):
    """Start the task."""

    @BLP.arguments(ParametersSchema(unknown=ma.EXCLUDE), location="form")
    @BLP.response(HTTPStatus.SEE_OTHER)
    @BLP.require_jwt("jwt", optional=True)
    def post(self, arguments: dict[str, Any]) -> Response:
        """Write the text to a file, in the background."""
        parameters = ParametersSchema().dumps(arguments)
        return redirect_to_task(start_task(work.s(), parameters))


@CELERY.task(name=f"{ExamplePlugin.instance.identifier}.work", bind=True)
def work(self: Any, db_id: int) -> str:
    """Read the input of a task, do the work, store the result.

    Args:
        self: the Celery task.
        db_id: the id of the database row that holds the input.

    Returns:
        What is appended to the log of the task.
    """
    TASK_LOGGER.info("Working on task %s", db_id)
    task = ProcessingTask.get_by_id(id_=db_id)
    if task is None:
        raise TaskNotFoundError(f"There is no task with the id {db_id}.")

    parameters = ParametersSchema().load(loads(task.parameters))
    result = transform(**parameters)
    with SpooledTemporaryFile(mode="w", encoding="utf-8", newline="") as output:
        output.write(result)
        STORE.persist_task_result(
            db_id, output, "result.txt", "custom/text", "text/plain"
        )
    return f"Wrote {len(result)} characters to result.txt."


def transform(text: str) -> str:
    """Return the result. The arguments are the fields of the form."""
    return text.upper()
