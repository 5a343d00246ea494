# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The views of the plugin."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import marshmallow as ma
from celery.canvas import chain
from flask import jsonify, redirect, render_template, request, url_for
from flask.views import MethodView
from flask.wrappers import Response
from flask_smorest import abort

from qhana_plugin_runner.api.plugin_schemas import (
    EntryPoint,
    InputDataMetadata,
    OutputDataMetadata,
    PluginMetadata,
    PluginMetadataSchema,
    PluginType,
)
from qhana_plugin_runner.db.models.tasks import ProcessingTask
from qhana_plugin_runner.plugin_utils.previews import get_preview
from qhana_plugin_runner.tasks import save_task_error, save_task_result

from . import CSV_BLP, CsvVisualization
from .schemas import TableParametersSchema
from .table import CONTENT_TYPES
from .tasks import preview_task, table_task

HELP_TEXT = """
Shows **entities** as a table. A click on the name of a column sorts by it.

**submit** stores the table as an HTML file.
"""

EXAMPLE = "data:text/csv,ID,colour,weight%0Aa,red,3%0Ab,green,12%0Ac,blue,7%0A"


@CSV_BLP.route("/")
class PluginsView(MethodView):
    """The metadata of the plugin."""

    @CSV_BLP.response(HTTPStatus.OK, PluginMetadataSchema)
    @CSV_BLP.require_jwt("jwt", optional=True)
    def get(self) -> PluginMetadata:
        """Get the plugin metadata."""
        plugin = CsvVisualization.instance
        return PluginMetadata(
            title="Table",
            description=plugin.description,
            name=plugin.name,
            version=plugin.version,
            type=PluginType.visualization,
            entry_point=EntryPoint(
                href=url_for(f"{CSV_BLP.name}.{ProcessView.__name__}"),
                ui_href=url_for(f"{CSV_BLP.name}.{MicroFrontend.__name__}"),
                data_input=[
                    InputDataMetadata(
                        data_type="entity/*",
                        content_type=list(CONTENT_TYPES),
                        required=True,
                        parameter="data",
                    )
                ],
                data_output=[
                    OutputDataMetadata(
                        data_type="custom/table",
                        content_type=["text/html"],
                        required=True,
                        name="table.html",
                    )
                ],
            ),
            tags=plugin.tags,
        )


@CSV_BLP.route("/ui/")
class MicroFrontend(MethodView):
    """The micro frontend of the plugin."""

    @CSV_BLP.html_response(HTTPStatus.OK, description="The micro frontend.")
    @CSV_BLP.arguments(
        TableParametersSchema(
            partial=True, unknown=ma.EXCLUDE, validate_errors_as_result=True
        ),
        location="query",
        required=False,
    )
    @CSV_BLP.require_jwt("jwt", optional=True)
    def get(self, errors: dict) -> str:
        """Return the table of the file in the query, below the form."""
        values = {"maxRows": 1000, **request.args.to_dict()}
        return self.render(values, errors, valid=False)

    @CSV_BLP.html_response(HTTPStatus.OK, description="The micro frontend.")
    @CSV_BLP.arguments(
        TableParametersSchema(
            partial=True, unknown=ma.EXCLUDE, validate_errors_as_result=True
        ),
        location="form",
        required=False,
    )
    @CSV_BLP.require_jwt("jwt", optional=True)
    def post(self, errors: dict) -> str:
        """Return the form with the results of its validation."""
        return self.render(request.form, errors, valid=not errors)

    def render(self, data: Mapping[str, Any], errors: dict, valid: bool) -> str:
        plugin = CsvVisualization.instance
        return render_template(
            "csv_visualization_ui.html",
            name=plugin.name,
            version=plugin.version,
            schema=TableParametersSchema(),
            values=data,
            errors=errors,
            valid=valid,
            process=url_for(f"{CSV_BLP.name}.{ProcessView.__name__}"),
            table_url=url_for(f"{CSV_BLP.name}.{TableView.__name__}"),
            help_text=HELP_TEXT,
            example_values=url_for(
                f"{CSV_BLP.name}.{MicroFrontend.__name__}", data=EXAMPLE
            ),
        )


@CSV_BLP.route("/table/")
class TableView(MethodView):
    """The table of the preview, as JSON."""

    @CSV_BLP.arguments(TableParametersSchema(unknown=ma.EXCLUDE), location="query")
    @CSV_BLP.response(HTTPStatus.OK)
    @CSV_BLP.require_jwt("jwt", optional=True)
    def get(self, arguments: dict[str, Any]) -> Response | tuple[Response, int]:
        """Return the table, or 202 while a worker reads the file: then ask again."""
        preview = get_preview(
            CsvVisualization.instance.identifier,
            preview_task.s(url=arguments["data"], max_rows=arguments["max_rows"]),
        )
        if preview is None:
            return jsonify(message="The file is being read."), HTTPStatus.ACCEPTED
        if "error" in preview:
            abort(HTTPStatus.UNPROCESSABLE_ENTITY, message=preview["error"])
        return jsonify(preview)


@CSV_BLP.route("/process/")
class ProcessView(MethodView):
    """Start the task."""

    @CSV_BLP.arguments(TableParametersSchema(unknown=ma.EXCLUDE), location="form")
    @CSV_BLP.response(HTTPStatus.SEE_OTHER)
    @CSV_BLP.require_jwt("jwt", optional=True)
    def post(self, arguments: dict[str, Any]) -> Response:
        """Store the table as HTML file, in the background."""
        db_task = ProcessingTask(
            task_name=table_task.name,
            parameters=TableParametersSchema().dumps(arguments),
        )
        db_task.save(commit=True)

        task: chain = table_task.s(db_id=db_task.id) | save_task_result.s(
            db_id=db_task.id
        )
        task.link_error(save_task_error.s(db_id=db_task.id))
        task.apply_async()

        return redirect(
            url_for("tasks-api.TaskView", task_id=str(db_task.id)), HTTPStatus.SEE_OTHER
        )
