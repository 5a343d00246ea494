# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Shape: a task that ends inside its request, with a naive time and a signal."""

from datetime import datetime
from http import HTTPStatus

import marshmallow as ma
from flask import Flask, redirect, request, url_for
from flask.globals import current_app
from flask.views import MethodView
from marshmallow import EXCLUDE

from qhana_plugin_runner.api.plugin_schemas import (
    EntryPoint,
    PluginMetadata,
    PluginMetadataSchema,
    PluginType,
)
from qhana_plugin_runner.api.util import FrontendFormBaseSchema, SecurityBlueprint
from qhana_plugin_runner.db.models.tasks import ProcessingTask
from qhana_plugin_runner.storage import STORE
from qhana_plugin_runner.tasks import TASK_STATUS_CHANGED
from qhana_plugin_runner.util.plugins import QHAnaPluginBase, plugin_identifier

_plugin_name = "classic-file-upload"
__version__ = "v0.1.0"
_identifier = plugin_identifier(_plugin_name, __version__)

UPLOAD_BLP = SecurityBlueprint(_identifier, __name__, description="Uploads.")


class UploadSchema(FrontendFormBaseSchema):
    """The types of the file; the file itself is read from the request."""

    data_type = ma.fields.String(required=True, allow_none=False)
    content_type = ma.fields.String(required=True, allow_none=False)


class FileUpload(QHAnaPluginBase):
    """The plugin."""

    name = _plugin_name
    version = __version__
    description = "Uploads."
    tags = ["data-loading"]

    def __init__(self, app: Flask | None) -> None:
        super().__init__(app)

    def get_api_blueprint(self):
        return UPLOAD_BLP

    def get_requirements(self) -> str:
        return ""


@UPLOAD_BLP.route("/")
class PluginsView(MethodView):
    """The metadata."""

    @UPLOAD_BLP.response(HTTPStatus.OK, PluginMetadataSchema())
    @UPLOAD_BLP.require_jwt("jwt", optional=True)
    def get(self):
        """Plugin metadata."""
        return PluginMetadata(
            title="Upload",
            description=FileUpload.instance.description,
            name=FileUpload.instance.name,
            version=FileUpload.instance.version,
            type=PluginType.dataloader,
            entry_point=EntryPoint(
                href=url_for(f"{UPLOAD_BLP.name}.ProcessView"), ui_href="/none/"
            ),
            tags=FileUpload.instance.tags,
        )


@UPLOAD_BLP.route("/process/")
class ProcessView(MethodView):
    """Stores the file at once."""

    @UPLOAD_BLP.arguments(UploadSchema(unknown=EXCLUDE), location="form")
    @UPLOAD_BLP.response(HTTPStatus.SEE_OTHER)
    @UPLOAD_BLP.require_jwt("jwt", optional=True)
    def post(self, arguments):
        """Store the file and end the task."""
        db_task = ProcessingTask(task_name="upload")
        db_task.save(commit=True)
        upload = request.files["file"]
        STORE.persist_task_result(
            db_task.id,
            upload.stream,
            upload.filename,
            arguments["data_type"],
            arguments["content_type"],
        )
        db_task.task_status = "SUCCESS"
        db_task.finished_at = datetime.utcnow()
        db_task.add_task_log_entry("uploaded")
        db_task.save(commit=True)
        app = current_app._get_current_object()
        TASK_STATUS_CHANGED.send(app, task_id=db_task.id)
        return redirect(
            url_for("tasks-api.TaskView", task_id=str(db_task.id)), HTTPStatus.SEE_OTHER
        )
