# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""An application with small plugins that show one thing each, and rows to look at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from qhana_plugin_runner import create_app
from qhana_plugin_runner.db import DB
from qhana_plugin_runner.db.cli import create_db_function
from qhana_plugin_runner.db.models.tasks import ProcessingTask, TaskFile
from qhana_plugin_runner.storage import STORE

LAB_PLUGINS = Path(__file__).parent / "lab_plugins"

MakeApp = Callable[..., Flask]


@pytest.fixture(scope="module")
def make_app(tmp_path_factory: pytest.TempPathFactory) -> MakeApp:
    """Build an app of its own; its settings are given as keywords."""

    def make(*, debug: bool = False, **settings: Any) -> Flask:
        folder = tmp_path_factory.mktemp("app")
        config = {
            "SECRET_KEY": "a key of the tests that is long enough",
            "SQLALCHEMY_DATABASE_URI": "sqlite:///:memory:",
            "FILE_STORE_ROOT_PATH": str(folder / "files"),
            "CELERY": {
                "broker_url": "memory://",
                "result_backend": "cache+memory://",
            },
            **settings,
        }
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("QHANA_PLUGIN_RUNNER_INSTANCE_FOLDER", str(folder))
            patch.setenv("FLASK_DEBUG", "1" if debug else "0")
            app = create_app(config, silent_log=True)
        with app.app_context():
            create_db_function(app)
        return app

    return make


@pytest.fixture(scope="module")
def app(make_app: MakeApp) -> Iterator[Flask]:
    """An app in production mode with the plugins of this folder; its context is open."""
    app = make_app(PLUGIN_FOLDERS=[str(LAB_PLUGINS)])
    with app.app_context():
        yield app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A test client of ``app``."""
    return app.test_client()


@pytest.fixture
def task(app: Flask) -> ProcessingTask:
    """A saved task without anything."""
    task = ProcessingTask(task_name="api-lab.task")
    task.save(commit=True)
    return task


@pytest.fixture
def store_file(task: ProcessingTask) -> Callable[..., TaskFile]:
    """Store a result of ``task``."""

    def store(
        content: bytes = b"0123456789" * 30,
        name: str = "out.txt",
        data_type: str = "entity/list",
        content_type: str | None = "text/plain",
    ) -> TaskFile:
        return STORE.persist_task_result(task.id, content, name, data_type, content_type)

    return store


@pytest.fixture(autouse=True)
def _fresh_session(app: Flask) -> Iterator[None]:
    """What a test leaves in the session is not the next one's business."""
    yield
    DB.session.rollback()
