# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""An application with nothing but a database, on each kind of database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from qhana_plugin_runner import db
from qhana_plugin_runner.config import load_config
from services import fresh_database


def build_database_app(uri: str, instance: Path) -> Flask:
    """Return an application that has only a database."""
    app = Flask("qhana_plugin_runner", instance_path=str(instance))
    load_config(app, {"SQLALCHEMY_DATABASE_URI": uri})
    db.init_app(app)
    return app


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def database_kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def empty_app(database_kind: str, tmp_path: Path) -> Iterator[Flask]:
    """An app on an empty database, within its context."""
    with fresh_database(database_kind, tmp_path) as uri:
        app = build_database_app(uri, tmp_path)
        with app.app_context():
            yield app
            db.DB.session.remove()
            db.DB.engine.dispose()


@pytest.fixture
def database(empty_app: Flask) -> Iterator[Flask]:
    """An app whose database has all tables."""
    from qhana_plugin_runner.db.cli import create_db_function

    create_db_function(empty_app)
    return empty_app
