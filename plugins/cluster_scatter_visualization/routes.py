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

from . import SCATTER_BLP, ClusterScatterVisualization
from .schemas import CONTENT_TYPES, ScatterParametersSchema
from .tasks import plot_task, preview_task

HELP_TEXT = """
Draws **points** in the plane, in the colours of their **clusters**.

**submit** stores the plot as an HTML file.
"""

EXAMPLE = {
    "entitiesUrl": "data:text/csv,ID,href,x,y%0Aa,,1,2%0Ab,,2,1%0Ac,,8,9%0Ad,,9,8%0A",
    "clustersUrl": "data:text/csv,ID,href,label%0Aa,,0%0Ab,,0%0Ac,,1%0Ad,,1%0A",
}


@SCATTER_BLP.route("/")
class PluginsView(MethodView):
    """The metadata of the plugin."""

    @SCATTER_BLP.response(HTTPStatus.OK, PluginMetadataSchema)
    @SCATTER_BLP.require_jwt("jwt", optional=True)
    def get(self) -> PluginMetadata:
        """Get the plugin metadata."""
        plugin = ClusterScatterVisualization.instance
        return PluginMetadata(
            title="Cluster scatter plot",
            description=plugin.description,
            name=plugin.name,
            version=plugin.version,
            type=PluginType.visualization,
            entry_point=EntryPoint(
                href=url_for(f"{SCATTER_BLP.name}.{ProcessView.__name__}"),
                ui_href=url_for(f"{SCATTER_BLP.name}.{MicroFrontend.__name__}"),
                data_input=[
                    InputDataMetadata(
                        data_type="entity/vector",
                        content_type=list(CONTENT_TYPES),
                        required=True,
                        parameter="entitiesUrl",
                    ),
                    # A host offers a visualisation for data if only that is required.
                    InputDataMetadata(
                        data_type="entity/label",
                        content_type=list(CONTENT_TYPES),
                        required=False,
                        parameter="clustersUrl",
                    ),
                ],
                data_output=[
                    OutputDataMetadata(
                        data_type="custom/plot",
                        content_type=["text/html"],
                        required=True,
                        name="plot.html",
                    )
                ],
            ),
            tags=plugin.tags,
        )


@SCATTER_BLP.route("/ui/")
class MicroFrontend(MethodView):
    """The micro frontend of the plugin."""

    @SCATTER_BLP.html_response(HTTPStatus.OK, description="The micro frontend.")
    @SCATTER_BLP.arguments(
        ScatterParametersSchema(
            partial=True, unknown=ma.EXCLUDE, validate_errors_as_result=True
        ),
        location="query",
        required=False,
    )
    @SCATTER_BLP.require_jwt("jwt", optional=True)
    def get(self, errors: dict) -> str:
        """Return the plot of the files in the query, below the form."""
        return self.render(request.args, errors, valid=False)

    @SCATTER_BLP.html_response(HTTPStatus.OK, description="The micro frontend.")
    @SCATTER_BLP.arguments(
        ScatterParametersSchema(
            partial=True, unknown=ma.EXCLUDE, validate_errors_as_result=True
        ),
        location="form",
        required=False,
    )
    @SCATTER_BLP.require_jwt("jwt", optional=True)
    def post(self, errors: dict) -> str:
        """Return the form with the results of its validation."""
        return self.render(request.form, errors, valid=not errors)

    def render(self, data: Mapping[str, Any], errors: dict, valid: bool) -> str:
        plugin = ClusterScatterVisualization.instance
        return render_template(
            "cluster_scatter_ui.html",
            name=plugin.name,
            version=plugin.version,
            schema=ScatterParametersSchema(),
            values=data,
            errors=errors,
            valid=valid,
            process=url_for(f"{SCATTER_BLP.name}.{ProcessView.__name__}"),
            plot_url=url_for(f"{SCATTER_BLP.name}.{PlotView.__name__}"),
            script_url=url_for(f"{SCATTER_BLP.name}.{PlotlyView.__name__}"),
            help_text=HELP_TEXT,
            example_values=url_for(
                f"{SCATTER_BLP.name}.{MicroFrontend.__name__}", **EXAMPLE
            ),
        )


@SCATTER_BLP.route("/plot/")
class PlotView(MethodView):
    """The plot of the preview, as JSON."""

    @SCATTER_BLP.arguments(ScatterParametersSchema(unknown=ma.EXCLUDE), location="query")
    @SCATTER_BLP.response(HTTPStatus.OK)
    @SCATTER_BLP.require_jwt("jwt", optional=True)
    def get(self, arguments: dict[str, Any]) -> Response | tuple[Response, int]:
        """Return the plot, or 202 while a worker reads the files: then ask again."""
        preview = get_preview(
            ClusterScatterVisualization.instance.identifier,
            preview_task.s(**arguments),
        )
        if preview is None:
            return jsonify(message="The files are being read."), HTTPStatus.ACCEPTED
        if "error" in preview:
            abort(HTTPStatus.UNPROCESSABLE_ENTITY, message=preview["error"])
        return jsonify(preview)


@SCATTER_BLP.route("/plotly.js")
class PlotlyView(MethodView):
    """The script that draws the preview."""

    @SCATTER_BLP.response(HTTPStatus.OK, content_type="text/javascript")
    @SCATTER_BLP.require_jwt("jwt", optional=True)
    def get(self) -> Response:
        """Return the script of the installed package plotly."""
        try:
            # Late: the plugin loads without its requirements, too.
            from plotly.offline import get_plotlyjs, get_plotlyjs_version
        except ImportError as error:
            abort(HTTPStatus.NOT_FOUND, message=f"{error}. Run 'flask install'.")
        response = Response(mimetype="text/javascript")
        response.set_etag(f"plotly-{get_plotlyjs_version()}")
        response.cache_control.max_age = 3600
        if response.make_conditional(request).status_code != HTTPStatus.NOT_MODIFIED:
            response.set_data(get_plotlyjs())
        return response


@SCATTER_BLP.route("/process/")
class ProcessView(MethodView):
    """Start the task."""

    @SCATTER_BLP.arguments(ScatterParametersSchema(unknown=ma.EXCLUDE), location="form")
    @SCATTER_BLP.response(HTTPStatus.SEE_OTHER)
    @SCATTER_BLP.require_jwt("jwt", optional=True)
    def post(self, arguments: dict[str, Any]) -> Response:
        """Store the plot as HTML file, in the background."""
        db_task = ProcessingTask(
            task_name=plot_task.name,
            parameters=ScatterParametersSchema().dumps(arguments),
        )
        db_task.save(commit=True)

        task: chain = plot_task.s(db_id=db_task.id) | save_task_result.s(db_id=db_task.id)
        task.link_error(save_task_error.s(db_id=db_task.id))
        task.apply_async()

        return redirect(
            url_for("tasks-api.TaskView", task_id=str(db_task.id)), HTTPStatus.SEE_OTHER
        )
