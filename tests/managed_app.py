# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""An application without plugins, for tests about managing tasks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from qhana_plugin_runner import create_app
from qhana_plugin_runner.db.cli import create_db_function


def build_app(folder: Path, uri: str, *, debug: bool = False, **settings: Any) -> Flask:
    """Return an app with all tables, without plugins; in production mode by default."""
    config = {
        "SECRET_KEY": "a key of the tests that is long enough",
        "SQLALCHEMY_DATABASE_URI": uri,
        "PLUGIN_FOLDERS": [],
        "FILE_STORE_ROOT_PATH": str(folder / "files"),
        "CELERY": {"broker_url": "memory://", "result_backend": "cache+memory://"},
        **settings,
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QHANA_PLUGIN_RUNNER_INSTANCE_FOLDER", str(folder))
        patch.setenv("FLASK_DEBUG", "1" if debug else "0")
        app = create_app(config, silent_log=True)
    with app.app_context():
        create_db_function(app)
    return app
