# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Fixtures for the tests of the runner and of plugins."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from qhana_plugin_runner import create_app
from qhana_plugin_runner.db import DB
from qhana_plugin_runner.db.cli import create_db_function
from qhana_plugin_runner.db.models.tasks import ProcessingTask

# `invoke test` passes on what .flaskenv says, above all debug mode; tests choose theirs.
for _name in ("FLASK_APP", "FLASK_DEBUG", "FLASK_ENV", "PLUGIN_FOLDERS"):
    os.environ.pop(_name, None)
_ENVIRONMENT = dict(os.environ)


def pytest_collection_finish() -> None:
    """Undo what importing test modules did: tasks.py reads .flaskenv."""
    _restore(_ENVIRONMENT)


@pytest.fixture(autouse=True)
def environment() -> Iterator[None]:
    """Give each test the environment back that it found."""
    before = dict(os.environ)
    yield
    _restore(before)


def _restore(environment: dict[str, str]) -> None:
    for name in set(os.environ) - set(environment):
        del os.environ[name]
    os.environ.update(environment)


TEST_CONFIG: dict[str, Any] = {
    "TESTING": True,
    "SECRET_KEY": "test",
    "SQLALCHEMY_DATABASE_URI": "sqlite:///:memory:",
    "CELERY": {"broker_url": "memory://", "result_backend": "cache+memory://"},
}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """An application without plugins on an empty in-memory database; context open."""
    instance = tmp_path_factory.mktemp("instance")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QHANA_PLUGIN_RUNNER_INSTANCE_FOLDER", str(instance))
        application = create_app(TEST_CONFIG)
    with application.app_context():
        create_db_function(application)
        yield application
        DB.session.remove()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A test client of ``app``."""
    return app.test_client()


@pytest.fixture
def task_data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProcessingTask]:
    """One saved task named ``test-data`` in an in-memory database of its own."""
    instance = tmp_path_factory.mktemp("instance")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QHANA_PLUGIN_RUNNER_INSTANCE_FOLDER", str(instance))
        application = create_app(TEST_CONFIG)
    with application.app_context():
        create_db_function(application)
        task = ProcessingTask(task_name="test-data")
        task.save(commit=True)
        yield task
        DB.session.remove()
