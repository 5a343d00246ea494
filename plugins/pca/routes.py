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

from . import PCA_BLP, PCAPlugin
from .schemas import CONTENT_TYPES, PCAParametersSchema
from .tasks import calculation_task

HELP_TEXT = """
Projects **entities** with many numeric **attributes** on the few **dimensions** in which
they differ most. Attributes that are no numbers are left out.

The results are the new entities, an interactive plot of the first two dimensions, and the
explained variance.
"""

EXAMPLE = {
    "entitiesUrl": "data:text/csv,ID,href,a,b,c%0A"
    "p,,1,2,0%0Aq,,2,4.1,1%0Ar,,3,5.9,0%0As,,4,8,1%0A",
    "dimensions": 2,
    "scaling": "standard",
    "outputFormat": "csv",
}

DEFAULTS = {"dimensions": 2, "scaling": "none", "outputFormat": "csv"}


@PCA_BLP.route("/")
class PluginsView(MethodView):
    """The metadata of the plugin."""

    @PCA_BLP.response(HTTPStatus.OK, PluginMetadataSchema)
    @PCA_BLP.require_jwt("jwt", optional=True)
    def get(self) -> PluginMetadata:
        """Get the plugin metadata."""
        plugin = PCAPlugin.instance
        return PluginMetadata(
            title="Principal component analysis",
            description=plugin.description,
            name=plugin.name,
            version=plugin.version,
            type=PluginType.processing,
            entry_point=EntryPoint(
                href=url_for(f"{PCA_BLP.name}.{ProcessView.__name__}"),
                ui_href=url_for(f"{PCA_BLP.name}.{MicroFrontend.__name__}"),
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
                        data_type="entity/vector",
                        content_type=["text/csv", "application/json"],
                        required=True,
                    ),
                    OutputDataMetadata(
                        data_type="custom/pca-metadata",
                        content_type=["application/json"],
                        required=True,
                        name="pca-metadata.json",
                    ),
                    OutputDataMetadata(
                        data_type="custom/plot",
                        content_type=["text/html"],
                        required=True,
                        name="plot.html",
                    ),
                ],
            ),
            tags=plugin.tags,
        )


@PCA_BLP.route("/ui/")
class MicroFrontend(MethodView):
    """The micro frontend of the plugin."""

    @PCA_BLP.html_response(HTTPStatus.OK, description="The micro frontend.")
    @PCA_BLP.arguments(
        PCAParametersSchema(
            partial=True, unknown=ma.EXCLUDE, validate_errors_as_result=True
        ),
        location="query",
        required=False,
    )
    @PCA_BLP.require_jwt("jwt", optional=True)
    def get(self, errors: dict) -> str:
        """Return the form, filled from the query."""
        values = {**DEFAULTS, **request.args.to_dict()}
        return self.render(values, errors, valid=False)

    @PCA_BLP.html_response(HTTPStatus.OK, description="The micro frontend.")
    @PCA_BLP.arguments(
        PCAParametersSchema(
            partial=True, unknown=ma.EXCLUDE, validate_errors_as_result=True
        ),
        location="form",
        required=False,
    )
    @PCA_BLP.require_jwt("jwt", optional=True)
    def post(self, errors: dict) -> str:
        """Return the form with the results of its validation."""
        return self.render(request.form, errors, valid=not errors)

    def render(self, data: Mapping[str, Any], errors: dict, valid: bool) -> str:
        plugin = PCAPlugin.instance
        return render_template(
            "simple_template.html",
            name=plugin.name,
            version=plugin.version,
            schema=PCAParametersSchema(),
            values=data,
            errors=errors,
            valid=valid,
            process=url_for(f"{PCA_BLP.name}.{ProcessView.__name__}"),
            help_text=HELP_TEXT,
            example_values=url_for(f"{PCA_BLP.name}.{MicroFrontend.__name__}", **EXAMPLE),
        )


@PCA_BLP.route("/process/")
class ProcessView(MethodView):
    """Start the task."""

    @PCA_BLP.arguments(PCAParametersSchema(unknown=ma.EXCLUDE), location="form")
    @PCA_BLP.response(HTTPStatus.SEE_OTHER)
    @PCA_BLP.require_jwt("jwt", optional=True)
    def post(self, arguments: dict[str, Any]) -> Response:
        """Reduce the dimensions of the entities, in the background."""
        db_task = ProcessingTask(
            task_name=calculation_task.name,
            parameters=PCAParametersSchema().dumps(arguments),
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
