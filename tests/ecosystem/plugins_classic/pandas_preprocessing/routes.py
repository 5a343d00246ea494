# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The views of the steps."""

from http import HTTPStatus
from json import dumps

from celery.canvas import chain
from celery.utils.log import get_task_logger
from flask import Markup, Response, abort, redirect
from flask.globals import current_app, request
from flask.helpers import url_for
from flask.templating import render_template
from flask.views import MethodView
from marshmallow import EXCLUDE

from qhana_plugin_runner.api.plugin_schemas import (
    EntryPoint,
    InputDataMetadata,
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

from . import PANDAS_BLP, PandasPreprocessing
from .schemas import (
    FirstInputParametersSchema,
    PreprocessingEnum,
    SecondInputParametersSchema,
)
from .tasks import first_task, preprocessing_task

TASK_LOGGER = get_task_logger(__name__)


@PANDAS_BLP.route("/")
class PluginsView(MethodView):
    """The metadata."""

    @PANDAS_BLP.response(HTTPStatus.OK, PluginMetadataSchema())
    @PANDAS_BLP.require_jwt("jwt", optional=True)
    def get(self):
        """Plugin metadata."""
        plugin = PandasPreprocessing.instance
        if plugin is None:
            abort(HTTPStatus.INTERNAL_SERVER_ERROR)
        return PluginMetadata(
            title="Pandas preprocessing",
            description=plugin.description,
            name=plugin.name,
            version=plugin.version,
            type=PluginType.processing,
            entry_point=EntryPoint(
                href=url_for(f"{PANDAS_BLP.name}.ProcessView"),
                ui_href=url_for(f"{PANDAS_BLP.name}.MicroFrontend"),
                data_input=[InputDataMetadata("*", ["text/csv"], True, "fileUrl")],
            ),
            tags=plugin.tags,
        )


@PANDAS_BLP.route("/ui/")
class MicroFrontend(MethodView):
    """The micro frontend."""

    @PANDAS_BLP.html_response(HTTPStatus.OK, description="Micro frontend.")
    @PANDAS_BLP.arguments(
        FirstInputParametersSchema(
            partial=True, unknown=EXCLUDE, validate_errors_as_result=True
        ),
        location="query",
        required=False,
    )
    @PANDAS_BLP.require_jwt("jwt", optional=True)
    def get(self, errors):
        """Return the micro frontend."""
        return Response(
            render_template(
                "simple_template.html",
                name=PandasPreprocessing.instance.name,
                version=PandasPreprocessing.instance.version,
                schema=FirstInputParametersSchema(),
                values=request.args,
                errors=errors,
                process=url_for(f"{PANDAS_BLP.name}.ProcessView"),
            )
        )


@PANDAS_BLP.route("/process/")
class ProcessView(MethodView):
    """Start a task whose first step is added by the worker."""

    @PANDAS_BLP.arguments(FirstInputParametersSchema(unknown=EXCLUDE), location="form")
    @PANDAS_BLP.response(HTTPStatus.SEE_OTHER)
    @PANDAS_BLP.require_jwt("jwt", optional=True)
    def post(self, arguments):
        """Start the task."""
        db_task = ProcessingTask(task_name=first_task.name, parameters=dumps(arguments))
        db_task.save(commit=True)
        db_task.data["file_url"] = arguments["file_url"]
        db_task.data["history"] = []
        db_task.save(commit=True)

        step_id = "0"
        # a relative href: consumers join it with the URL of the task
        href = url_for(
            f"{PANDAS_BLP.name}.PreprocessingStep", db_id=db_task.id, step_id=0
        )
        ui_href = url_for(
            f"{PANDAS_BLP.name}.PreprocessingStepFrontend",
            db_id=db_task.id,
            step_id=0,
            _external=True,
        )
        task: chain = first_task.s(db_id=db_task.id) | add_step.s(
            db_id=db_task.id, step_id=step_id, href=href, ui_href=ui_href, prog_value=33.3
        )
        task.link_error(save_task_error.s(db_id=db_task.id))
        task.apply_async()
        db_task.save(commit=True)
        return redirect(
            url_for("tasks-api.TaskView", task_id=str(db_task.id)), HTTPStatus.SEE_OTHER
        )


@PANDAS_BLP.route("/<int:db_id>/<int:step_id>/step-ui/")
class PreprocessingStepFrontend(MethodView):
    """The micro frontend of a step."""

    @PANDAS_BLP.html_response(HTTPStatus.OK, description="Micro frontend.")
    @PANDAS_BLP.arguments(
        SecondInputParametersSchema(
            partial=True, unknown=EXCLUDE, validate_errors_as_result=True
        ),
        location="form",
        required=False,
    )
    @PANDAS_BLP.require_jwt("jwt", optional=True)
    def post(self, errors, db_id: int, step_id: int):
        """Return the micro frontend with errors."""
        return self.render(request.form, errors, db_id, step_id)

    @PANDAS_BLP.html_response(HTTPStatus.OK, description="Micro frontend.")
    @PANDAS_BLP.arguments(
        SecondInputParametersSchema(
            partial=True, unknown=EXCLUDE, validate_errors_as_result=True
        ),
        location="query",
        required=False,
    )
    @PANDAS_BLP.require_jwt("jwt", optional=True)
    def get(self, errors, db_id: int, step_id: int):
        """Return the micro frontend."""
        return self.render(request.args, errors, db_id, step_id)

    def render(self, data, errors, db_id: int, step_id: int):
        """Render the template of the plugin."""
        db_task = ProcessingTask.get_by_id(id_=db_id)
        if db_task is None:
            abort(HTTPStatus.NOT_FOUND)
        return Response(
            render_template(
                "pandas_preprocessing_template.html",
                name=PandasPreprocessing.instance.name,
                version=PandasPreprocessing.instance.version,
                schema=SecondInputParametersSchema(),
                values=data,
                errors=errors,
                process=url_for(
                    f"{PANDAS_BLP.name}.PreprocessingStep", db_id=db_id, step_id=step_id
                ),
                additional_info=Markup("<b>%s</b>") % db_task.data["file_url"],
            )
        )


@PANDAS_BLP.route("/<int:db_id>/<int:step_id>/step-process/")
class PreprocessingStep(MethodView):
    """One step; the last one ends the task."""

    @PANDAS_BLP.arguments(SecondInputParametersSchema(unknown=EXCLUDE), location="form")
    @PANDAS_BLP.response(HTTPStatus.SEE_OTHER)
    @PANDAS_BLP.require_jwt("jwt", optional=True)
    def post(self, arguments, db_id: int, step_id: int):
        """Take the input of the step."""
        db_task = ProcessingTask.get_by_id(id_=db_id)
        if db_task is None:
            raise KeyError(
                f"Could not load task data with id {db_id} to read parameters!"
            )

        db_task.parameters = SecondInputParametersSchema().dumps(arguments)
        db_task.clear_previous_step()
        db_task.save(commit=True)

        app = current_app._get_current_object()
        TASK_STEPS_CHANGED.send(app, task_id=db_id)

        if arguments["preprocessing_enum"] == PreprocessingEnum.do_nothing:
            task: chain = preprocessing_task.s(
                db_id=db_id, step_id=step_id
            ) | save_task_result.s(db_id=db_id)
        else:
            next_id = step_id + 1
            args = {"db_id": db_id, "step_id": next_id, "_external": True}
            task = preprocessing_task.s(db_id=db_id, step_id=step_id) | add_step.si(
                task_log=f"added step {next_id}",
                db_id=db_id,
                step_id=next_id,
                href=url_for(f"{PANDAS_BLP.name}.PreprocessingStep", **args),
                ui_href=url_for(f"{PANDAS_BLP.name}.PreprocessingStepFrontend", **args),
            )
        task.link_error(save_task_error.s(db_id=db_id))
        task.apply_async(db_id=db_id, hash="no option of Celery")
        db_task.save(commit=True)
        return redirect(
            url_for("tasks-api.TaskView", task_id=str(db_id)), HTTPStatus.SEE_OTHER
        )
