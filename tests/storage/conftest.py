# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""An app with a database and the file stores, but without the rest of the runner."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from secrets import token_hex
from typing import Any, BinaryIO

import pytest
from flask import Blueprint, Flask

from qhana_plugin_runner import db, storage
from qhana_plugin_runner.db import DB
from qhana_plugin_runner.db.models.tasks import ProcessingTask, TaskFile
from qhana_plugin_runner.storage import FileStore, open_content
from s3_server import S3Server, s3_server


class MemoryStore(FileStore, name="memory-like-a-plugin"):
    """A store as a plugin writes it: it overrides what the contract names."""

    def __init__(self, app: Flask | None) -> None:
        self.objects: dict[str, bytes] = {}
        super().__init__(app)

    def init_app(self, app: Flask) -> None:
        super().init_app(app)
        self.host = app.config.get("MEMORY_HOST", "memory.example")

    def persist_file(
        self, file_: Any, target: Path, mimetype: str = "application/octet-stream"
    ) -> None:
        with open_content(file_) as source:
            self.objects[self._get_file_identifier(target)] = source.read()

    def get_file_url(self, file_storage_data: str, external: bool = True) -> str:
        return f"https://{self.host}/{file_storage_data}"

    def open(self, task_file: TaskFile) -> BinaryIO:  # type: ignore[override]
        return io.BytesIO(self.objects[task_file.file_storage_data])


def _make_app(instance: Path, **config: Any) -> Flask:
    """Return an app whose instance folder, database and stores are below the folder."""
    app = Flask("storage-test", instance_path=str(instance))
    app.config.update(
        SQLALCHEMY_DATABASE_URI=f"sqlite:///{instance}/test.db",
        SERVER_NAME="runner.example:5005",
    )
    app.config.update(config)
    instance.mkdir(parents=True, exist_ok=True)
    files = Blueprint("files-api", __name__)

    @files.route("/files/<int:file_id>/", endpoint="FileView")
    def file_view(file_id: int) -> str:
        return str(file_id)

    app.register_blueprint(files)
    db.init_app(app)
    storage.init_app(app)
    return app


@pytest.fixture(scope="session")
def s3() -> Iterator[S3Server]:
    """A real S3 HTTP server."""
    with s3_server() as server:
        yield server


@pytest.fixture
def object_settings(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Settings of the object store in memory, or in S3 if the parameter says so."""
    if getattr(request, "param", "memory") == "s3":
        server: S3Server = request.getfixturevalue("s3")
        settings = server.settings()
    else:
        settings = {"OBJECT_STORE_URL": f"memory://{token_hex(8)}/results"}
    return {**settings, "DEFAULT_FILE_STORE": "local_filesystem"}


@pytest.fixture
def make_app() -> Callable[..., Flask]:
    """A function that makes an app from its instance folder and settings."""
    return _make_app


@pytest.fixture
def app(tmp_path: Path, object_settings: dict[str, Any]) -> Iterator[Flask]:
    """An app with an empty database; its context is open."""
    app = _make_app(tmp_path / "instance", **object_settings)
    with app.app_context():
        DB.create_all()
        yield app
        DB.session.remove()
        DB.engine.dispose()


@pytest.fixture
def task(app: Flask) -> ProcessingTask:
    """A committed task."""
    task = ProcessingTask(task_name="storage-test")
    task.save(commit=True)
    return task


@pytest.fixture(autouse=True)
def _log_level(caplog: pytest.LogCaptureFixture) -> None:
    """Other tests may have changed the level for all."""
    caplog.set_level(logging.WARNING)
