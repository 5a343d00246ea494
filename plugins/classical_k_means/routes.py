# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The views of the plugin."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import marshmallow as ma
from celery.canvas import chain
from flask import redirect, render_template, request, url_for
from flask.views import MethodView
from flask.wrappers import Response

from qhana_plugin_runner.api.plugin_schemas import (
    EntryPoint,
    InputDataMetadata,
    OutputDataMetadata,
    PluginMetadata,
    PluginMetadataSchema,
    PluginType,
)
from qhana_plugin_runner.db.models.tasks import ProcessingTask
from qhana_plugin_runner.tasks import save_task_error, save_task_result

from . import KMEANS_BLP, ClassicalKMeans
from .schemas import CONTENT_TYPES, KMeansParametersSchema
from .tasks import calculation_task

HELP_TEXT = """
Divides **entities** into **clusters**, such that entities of one cluster have similar
numeric **attributes**. Attributes that are no numbers are left out.

The results are the labels of the entities and an interactive plot of the first two
attributes.
"""

EXAMPLE = {
    "entitiesUrl": "data:text/csv,ID,href,x,y%0A"
    "p,,1,2%0Aq,,1.5,1.8%0Ar,,8,8%0As,,8.2,7.7%0A",
    "clusters": 2,
    "seed": 0,
    "outputFormat": "csv",
}

DEFAULTS = {"clusters": 3, "seed": 0, "outputFormat": "csv"}


@KMEANS_BLP.route("/")
class PluginsView(MethodView):
    """The metadata of the plugin."""

    @KMEANS_BLP.response(HTTPStatus.OK, PluginMetadataSchema)
    @KMEANS_BLP.require_jwt("jwt", optional=True)
    def get(self) -> PluginMetadata:
        """Get the plugin metadata."""
        plugin = ClassicalKMeans.instance
        return PluginMetadata(
            title="k-means clustering",
            description=plugin.description,
            name=plugin.name,
            version=plugin.version,
            type=PluginType.processing,
            entry_point=EntryPoint(
                href=url_for(f"{KMEANS_BLP.name}.{ProcessView.__name__}"),
                ui_href=url_for(f"{KMEANS_BLP.name}.{MicroFrontend.__name__}"),
                data_input=[
                    InputDataMetadata(
                        data_type="entity/*",
                        content_type=list(CONTENT_TYPES),
                        required=True,
                        parameter="entitiesUrl",
                    )
                ],
                data_output=[
                    OutputDataMetadata(
                        data_type="entity/label",
                        content_type=["text/csv", "application/json"],
                        required=True,
                    ),
                    OutputDataMetadata(
                        data_type="custom/plot",
                        content_type=["text/html"],
                        required=False,
                        name="plot.html",
                    ),
                ],
            ),
            tags=plugin.tags,
        )


@KMEANS_BLP.route("/ui/")
class MicroFrontend(MethodView):
    """The micro frontend of the plugin."""

    @KMEANS_BLP.html_response(HTTPStatus.OK, description="The micro frontend.")
    @KMEANS_BLP.arguments(
        KMeansParametersSchema(
            partial=True, unknown=ma.EXCLUDE, validate_errors_as_result=True
        ),
        location="query",
        required=False,
    )
    @KMEANS_BLP.require_jwt("jwt", optional=True)
    def get(self, errors: dict) -> str:
        """Return the form, filled from the query."""
        values = {**DEFAULTS, **request.args.to_dict()}
        return self.render(values, errors, valid=False)

    @KMEANS_BLP.html_response(HTTPStatus.OK, description="The micro frontend.")
    @KMEANS_BLP.arguments(
        KMeansParametersSchema(
            partial=True, unknown=ma.EXCLUDE, validate_errors_as_result=True
        ),
        location="form",
        required=False,
    )
    @KMEANS_BLP.require_jwt("jwt", optional=True)
    def post(self, errors: dict) -> str:
        """Return the form with the results of its validation."""
        return self.render(request.form, errors, valid=not errors)

    def render(self, data: Mapping[str, Any], errors: dict, valid: bool) -> str:
        plugin = ClassicalKMeans.instance
        return render_template(
            "simple_template.html",
            name=plugin.name,
            version=plugin.version,
            schema=KMeansParametersSchema(),
            values=data,
            errors=errors,
            valid=valid,
            process=url_for(f"{KMEANS_BLP.name}.{ProcessView.__name__}"),
            help_text=HELP_TEXT,
            example_values=url_for(
                f"{KMEANS_BLP.name}.{MicroFrontend.__name__}", **EXAMPLE
            ),
        )


@KMEANS_BLP.route("/process/")
class ProcessView(MethodView):
    """Start the task."""

    @KMEANS_BLP.arguments(KMeansParametersSchema(unknown=ma.EXCLUDE), location="form")
    @KMEANS_BLP.response(HTTPStatus.SEE_OTHER)
    @KMEANS_BLP.require_jwt("jwt", optional=True)
    def post(self, arguments: dict[str, Any]) -> Response:
        """Find clusters of the entities, in the background."""
        db_task = ProcessingTask(
            task_name=calculation_task.name,
            parameters=KMeansParametersSchema().dumps(arguments),
        )
        db_task.save(commit=True)

        task: chain = calculation_task.s(db_id=db_task.id) | save_task_result.s(
            db_id=db_task.id
        )
        task.link_error(save_task_error.s(db_id=db_task.id))
        task.apply_async()

        return redirect(
            url_for("tasks-api.TaskView", task_id=str(db_task.id)), HTTPStatus.SEE_OTHER
        )
