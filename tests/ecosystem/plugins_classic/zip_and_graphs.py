# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Shape: reads archives, writes archives and upload-like files."""

from http import HTTPStatus
from json import dumps, load
from tempfile import NamedTemporaryFile, SpooledTemporaryFile
from zipfile import ZipFile

from celery.canvas import chain
from flask import Flask, redirect, url_for
from flask.views import MethodView
from marshmallow import EXCLUDE

from qhana_plugin_runner.api.plugin_schemas import (
    EntryPoint,
    OutputDataMetadata,
    PluginMetadata,
    PluginMetadataSchema,
    PluginType,
)
from qhana_plugin_runner.api.util import (
    FileUrl,
    FrontendFormBaseSchema,
    SecurityBlueprint,
)
from qhana_plugin_runner.celery import CELERY
from qhana_plugin_runner.db.models.tasks import ProcessingTask
from qhana_plugin_runner.plugin_utils.zip_utils import get_files_from_zip_url
from qhana_plugin_runner.requests import get_mimetype, open_url, retrieve_data_type
from qhana_plugin_runner.storage import STORE
from qhana_plugin_runner.tasks import save_task_error, save_task_result
from qhana_plugin_runner.util.plugins import QHAnaPluginBase, plugin_identifier

_plugin_name = "zip-merger"
__version__ = "v0.1.0"
_identifier = plugin_identifier(_plugin_name, __version__)

ZIP_BLP = SecurityBlueprint(_identifier, __name__, description="Archives.")


class ZipSchema(FrontendFormBaseSchema):
    """The form."""

    zip_url = FileUrl(
        required=False,
        allow_none=True,
        data_input_type="*",
        data_content_types="application/zip",
    )


class ZipMerger(QHAnaPluginBase):
    """The plugin."""

    name = _plugin_name
    version = __version__
    description = "Archives."
    tags = ["utility"]

    def __init__(self, app: Flask | None) -> None:
        super().__init__(app)

    def get_api_blueprint(self):
        return ZIP_BLP

    def get_requirements(self) -> str:
        return ""


@ZIP_BLP.route("/")
class PluginsView(MethodView):
    """The metadata."""

    @ZIP_BLP.response(HTTPStatus.OK, PluginMetadataSchema())
    @ZIP_BLP.require_jwt("jwt", optional=True)
    def get(self):
        """Plugin metadata."""
        return PluginMetadata(
            title="Zip",
            description=ZipMerger.instance.description,
            name=ZipMerger.instance.name,
            version=ZipMerger.instance.version,
            type=PluginType.processing,
            entry_point=EntryPoint(
                href=url_for(f"{ZIP_BLP.name}.ProcessView"),
                ui_href="/none/",
                data_output=[
                    OutputDataMetadata(
                        "any", ["application/zip"], True, name="merged.zip"
                    )
                ],
            ),
            tags=ZipMerger.instance.tags,
        )


@ZIP_BLP.route("/process/")
class ProcessView(MethodView):
    """Starts the task."""

    @ZIP_BLP.arguments(ZipSchema(unknown=EXCLUDE), location="form")
    @ZIP_BLP.response(HTTPStatus.SEE_OTHER)
    @ZIP_BLP.require_jwt("jwt", optional=True)
    def post(self, arguments):
        """Start the task."""
        db_task = ProcessingTask(
            task_name=merge.name, parameters=ZipSchema().dumps(arguments)
        )
        db_task.save(commit=True)
        work: chain = merge.s(db_id=db_task.id) | save_task_result.s(db_id=db_task.id)
        work.link_error(save_task_error.s(db_id=db_task.id))
        work.apply_async()
        return redirect(
            url_for("tasks-api.TaskView", task_id=str(db_task.id)), HTTPStatus.SEE_OTHER
        )


@CELERY.task(name=f"{ZipMerger.instance.identifier}.merge", bind=True)
def merge(self, db_id: int) -> str:
    """Make an archive, or read one and list its content."""
    task = ProcessingTask.get_by_id(id_=db_id)
    url = ZipSchema().loads(task.parameters or "{}").get("zip_url")
    if not url:
        with SpooledTemporaryFile() as tmp:
            archive = ZipFile(tmp, "w")
            archive.writestr("colors.json", dumps({"GRAPH_ID": "colors", "entities": []}))
            archive.writestr("ä/b.json", dumps([{"ID": "ö"}], ensure_ascii=False))
            archive.close()
            STORE.persist_task_result(db_id, tmp, "merged.zip", "any", "application/zip")
        return ""
    found = {name: load(file_) for file_, name in get_files_from_zip_url(url, mode="t")}
    with open_url(url) as response:
        kind = f"{get_mimetype(response)} {retrieve_data_type(response)}"
    with NamedTemporaryFile("w+b") as output:
        output.write(dumps(found).encode())
        STORE.persist_task_result(db_id, output, "l.json", "a/b", "application/json")
    return kind
