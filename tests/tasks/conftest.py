# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""An application with a database of its own, and rows to manage."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from managed_app import build_app
from qhana_plugin_runner.db import DB
from qhana_plugin_runner.db.models.tasks import ProcessingTask
from services import fresh_database

MakeTask = Callable[..., ProcessingTask]


@pytest.fixture(scope="session")
def shared_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """One app on SQLite for all tests of this folder; they do not share rows' ids."""
    folder = tmp_path_factory.mktemp("managing")
    with fresh_database("sqlite", folder) as uri:
        app = build_app(folder, uri)
        yield app
        with app.app_context():
            DB.engine.dispose()


@pytest.fixture
def app(shared_app: Flask) -> Iterator[Flask]:
    """The shared app within its context."""
    with shared_app.app_context():
        yield shared_app
        DB.session.rollback()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A test client of the app."""
    return app.test_client()


@pytest.fixture
def make_task(app: Flask) -> MakeTask:
    """Save a task; keywords are attributes of its row."""

    def make(name: str = "lab@v1.task", **attributes: Any) -> ProcessingTask:
        task = ProcessingTask(task_name=name)
        for key, value in attributes.items():
            setattr(task, key, value)
        task.save(commit=True)
        return task

    return make
