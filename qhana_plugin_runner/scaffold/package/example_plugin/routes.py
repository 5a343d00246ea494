"""The views of the plugin."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import marshmallow as ma
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
from qhana_plugin_runner.api.util import redirect_to_task
from qhana_plugin_runner.tasks import start_task

from . import BLP, ExamplePlugin
from .schemas import ParametersSchema
from .tasks import work

HELP_TEXT = "Writes the **text** in capital letters to the file `result.txt`."


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
