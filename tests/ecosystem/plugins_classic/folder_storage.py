# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Shape: stores of a plugin, one that cannot be set up and one that works."""

from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO, Any

from celery.canvas import chain
from flask import Flask, abort, redirect, send_file, url_for
from flask.views import MethodView
from werkzeug.utils import secure_filename

from qhana_plugin_runner.api.plugin_schemas import (
    EntryPoint,
    PluginMetadata,
    PluginMetadataSchema,
    PluginType,
)
from qhana_plugin_runner.api.util import SecurityBlueprint
from qhana_plugin_runner.celery import CELERY
from qhana_plugin_runner.db.models.tasks import ProcessingTask, TaskFile
from qhana_plugin_runner.storage import STORE, FileStore
from qhana_plugin_runner.tasks import save_task_error, save_task_result
from qhana_plugin_runner.util.plugins import QHAnaPluginBase, plugin_identifier

_plugin_name = "folder-storage"
__version__ = "v0.1.0"
_identifier = plugin_identifier(_plugin_name, __version__)

FOLDER_BLP = SecurityBlueprint(_identifier, __name__, description="Stores.")


class BrokenStore(FileStore, name="minio"):
    """Not configured."""

    def __init__(self, app: Flask | None) -> None:
        self._client: Any = None
        super().__init__(app)

    def init_app(self, app: Flask):
        super().init_app(app)
        settings: Mapping = app.config["MINIO"]
        self._client = settings["client"]


class FolderStore(FileStore, name="shared_folder"):
    """Keeps files in a folder and serves them itself."""

    def __init__(self, app: Flask | None) -> None:
        self._folder = Path()
        super().__init__(app)

    def init_app(self, app: Flask):
        super().init_app(app)
        self._folder = Path(app.instance_path) / "shared"

    def persist_file(
        self,
        file_: IO | str | bytes,
        target: str | Path,
        mimetype: str = "application/octet-stream",
    ):
        path = self._folder / self.prepare_path(target)
        path.parent.mkdir(parents=True, exist_ok=True)
        file_.seek(0)
        content = file_.read()
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    def get_file_url(self, file_storage_data: str, external: bool = True) -> str:
        return url_for(
            f"{FOLDER_BLP.name}.FileView", name=file_storage_data, _external=external
        )


class FolderStorage(QHAnaPluginBase):
    """The plugin."""

    name = _plugin_name
    version = __version__
    description = "Stores."
    tags = ["dataloader"]

    def __init__(self, app: Flask | None) -> None:
        super().__init__(app)

    def get_api_blueprint(self):
        return FOLDER_BLP

    def get_requirements(self) -> str:
        return ""


@FOLDER_BLP.route("/")
class PluginsView(MethodView):
    """The metadata."""

    @FOLDER_BLP.response(HTTPStatus.OK, PluginMetadataSchema())
    @FOLDER_BLP.require_jwt("jwt", optional=True)
    def get(self):
        """Plugin metadata."""
        return PluginMetadata(
            title="Folder storage",
            description=FolderStorage.instance.description,
            name=FolderStorage.instance.name,
            version=FolderStorage.instance.version,
            type=PluginType.dataloader,
            entry_point=EntryPoint(
                href=url_for(f"{FOLDER_BLP.name}.ProcessView"), ui_href="/none/"
            ),
            tags=FolderStorage.instance.tags,
        )


@FOLDER_BLP.route("/files/<path:name>/")
class FileView(MethodView):
    """Serves the files."""

    @FOLDER_BLP.response(HTTPStatus.OK, content_type="application/octet-stream")
    def get(self, name: str):
        """Send a file."""
        path = Path(FolderStorage.instance.app.instance_path) / "shared" / name
        if not path.exists():
            abort(HTTPStatus.NOT_FOUND)
        return send_file(path, mimetype="text/plain")


@FOLDER_BLP.route("/process/")
class ProcessView(MethodView):
    """Starts a task that stores files in several ways."""

    @FOLDER_BLP.response(HTTPStatus.SEE_OTHER)
    @FOLDER_BLP.require_jwt("jwt", optional=True)
    def post(self):
        """Start the task."""
        db_task = ProcessingTask(task_name=store.name)
        db_task.save(commit=True)
        work: chain = store.s(db_id=db_task.id) | save_task_result.s(db_id=db_task.id)
        work.link_error(save_task_error.s(db_id=db_task.id))
        work.apply_async()
        db_task.save(commit=True)
        return redirect(
            url_for("tasks-api.TaskView", task_id=str(db_task.id)), HTTPStatus.SEE_OTHER
        )


@CELERY.task(name=f"{FolderStorage.instance.identifier}.store", bind=True)
def store(self, db_id: int) -> str:
    """Store in the plugin's store, as a reference, and as temporary file."""
    with SpooledTemporaryFile(mode="w") as output:
        output.write("shared")
        stored = STORE.persist_task_result(
            db_id, output, "shared.txt", "txt", "text/plain", True, "shared_folder"
        )
    with STORE.open(TaskFile.get_by_id(stored.id)) as again:
        content = again.read()
    STORE.persist_task_result(
        db_id,
        "https://example.org/data/reference.csv",
        secure_filename("../reference.csv"),
        file_type="entity/list",
        mimetype="text/csv",
        storage_provider="url_file_store",
        commit=False,
    )
    temp = STORE.persist_task_temp_file(db_id, b"temporary", "tmp.bin")
    with STORE.open(temp) as again:
        content += again.read()
    try:
        STORE.persist_task_result(
            db_id, "x", "x.txt", "txt", "text/plain", storage_provider="minio"
        )
    except KeyError:
        return content.decode()
    return "the broken store took a file"
