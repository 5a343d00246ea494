# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The views of the plugin."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from http import HTTPStatus
from json import dumps
from typing import Any

import marshmallow as ma
from celery.utils.log import get_task_logger
from flask import current_app, redirect, render_template, request, url_for
from flask.views import MethodView
from flask.wrappers import Response
from werkzeug.datastructures import FileStorage

from qhana_plugin_runner.api.plugin_schemas import (
    EntryPoint,
    OutputDataMetadata,
    PluginMetadata,
    PluginMetadataSchema,
    PluginType,
)
from qhana_plugin_runner.db import DB
from qhana_plugin_runner.db.models.tasks import ProcessingTask
from qhana_plugin_runner.errors import QHAnaError
from qhana_plugin_runner.storage import STORE
from qhana_plugin_runner.tasks import TASK_STATUS_CHANGED

from . import UPLOAD_BLP, FileUpload
from .names import clean_file_name, guess_content_type
from .schemas import UploadFileSchema, UploadFormSchema, UploadParametersSchema

TASK_LOGGER = get_task_logger(__name__)

HELP_TEXT = """
Uploads a **file** of your computer. The result of the task is that file, under its own
name, with the **data type** and **content type** that you give it here; both decide for
which inputs of other plugins the file is offered.
"""


@UPLOAD_BLP.route("/")
class PluginsView(MethodView):
    """The metadata of the plugin."""

    @UPLOAD_BLP.response(HTTPStatus.OK, PluginMetadataSchema)
    @UPLOAD_BLP.require_jwt("jwt", optional=True)
    def get(self) -> PluginMetadata:
        """Get the plugin metadata."""
        plugin = FileUpload.instance
        return PluginMetadata(
            title="File upload",
            description=plugin.description,
            name=plugin.name,
            version=plugin.version,
            type=PluginType.dataloader,
            entry_point=EntryPoint(
                href=url_for(f"{UPLOAD_BLP.name}.{ProcessView.__name__}"),
                ui_href=url_for(f"{UPLOAD_BLP.name}.{MicroFrontend.__name__}"),
                data_input=[],
                data_output=[
                    OutputDataMetadata(data_type="*", content_type=["*"], required=True)
                ],
            ),
            tags=plugin.tags,
        )


@UPLOAD_BLP.route("/ui/")
class MicroFrontend(MethodView):
    """The micro frontend of the plugin."""

    @UPLOAD_BLP.html_response(HTTPStatus.OK, description="The micro frontend.")
    @UPLOAD_BLP.arguments(
        UploadParametersSchema(
            partial=True, unknown=ma.EXCLUDE, validate_errors_as_result=True
        ),
        location="query",
        required=False,
    )
    @UPLOAD_BLP.require_jwt("jwt", optional=True)
    def get(self, errors: dict) -> str:
        """Return the form, filled from the query."""
        return self.render(request.args, errors, valid=False)

    @UPLOAD_BLP.html_response(HTTPStatus.OK, description="The micro frontend.")
    @UPLOAD_BLP.arguments(
        UploadParametersSchema(
            partial=True, unknown=ma.EXCLUDE, validate_errors_as_result=True
        ),
        location="form",
        required=False,
    )
    @UPLOAD_BLP.require_jwt("jwt", optional=True)
    def post(self, errors: dict) -> str:
        """Return the form with the results of its validation."""
        return self.render(request.form, errors, valid=not errors)

    def render(self, data: Mapping[str, Any], errors: dict, valid: bool) -> str:
        plugin = FileUpload.instance
        return render_template(
            "simple_template.html",
            name=plugin.name,
            version=plugin.version,
            schema=UploadFormSchema(),
            values=data,
            errors=errors,
            valid=valid,
            process=url_for(f"{UPLOAD_BLP.name}.{ProcessView.__name__}"),
            help_text=HELP_TEXT,
            example_values=url_for(
                f"{UPLOAD_BLP.name}.{MicroFrontend.__name__}",
                dataType="entity/list",
                contentType="text/csv",
            ),
        )


@UPLOAD_BLP.route("/process/")
class ProcessView(MethodView):
    """Store the file."""

    @UPLOAD_BLP.arguments(UploadParametersSchema(unknown=ma.EXCLUDE), location="form")
    @UPLOAD_BLP.arguments(UploadFileSchema(unknown=ma.EXCLUDE), location="files")
    @UPLOAD_BLP.response(HTTPStatus.SEE_OTHER)
    @UPLOAD_BLP.require_jwt("jwt", optional=True)
    def post(self, arguments: dict[str, Any], files: dict[str, Any]) -> Response:
        """Store a file as the result of a task that is finished at once."""
        upload: FileStorage = files["file"]
        name = clean_file_name(upload.filename or "", arguments["content_type"])
        content_type = arguments["content_type"] or guess_content_type(name)

        db_task = ProcessingTask(
            task_name=f"{FileUpload.instance.identifier}.upload",
            parameters=dumps({**arguments, "file": name}),
        )
        # Committed before the file is copied: a large copy must not lock the database.
        db_task.save(commit=True)
        _store(db_task, upload, name, arguments["data_type"], content_type)

        app = current_app._get_current_object()
        TASK_STATUS_CHANGED.send(app, task_id=db_task.id)
        return redirect(
            url_for("tasks-api.TaskView", task_id=str(db_task.id)), HTTPStatus.SEE_OTHER
        )


def _store(
    db_task: ProcessingTask,
    upload: FileStorage,
    name: str,
    data_type: str,
    content_type: str,
) -> None:
    """Copy the file to the store and finish the task, also if the store refuses it."""
    try:
        STORE.persist_task_result(
            db_task.id, upload.stream, name, data_type, content_type, commit=False
        )
        db_task.task_status = "SUCCESS"
        db_task.add_task_log_entry(f"Stored '{name}' ({data_type}, {content_type}).")
    except (OSError, QHAnaError) as error:
        TASK_LOGGER.exception("Task %s could not store an upload.", db_task.id)
        DB.session.rollback()
        db_task.task_status = "FAILURE"
        reason = error.strerror if isinstance(error, OSError) else str(error)
        db_task.add_task_log_entry(f"The file '{name}' could not be stored: {reason}")
    db_task.finished_at = datetime.now(timezone.utc)
    db_task.save(commit=True)
