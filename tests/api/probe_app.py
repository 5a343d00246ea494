# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""An app with the probe plugin, whose views fail and answer in many ways."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flask import Flask

from qhana_plugin_runner import create_app
from qhana_plugin_runner.db import DB

PROBE_FOLDER = Path(__file__).parent / "plugin_folder"
PROBE = "/plugins/api-probe@v1-10-0"
KEY = "a key for tests that is long enough"


def create_probe_app(folder: Path, **settings: Any) -> Flask:
    """Build an app with a database in memory.

    Args:
        folder: where it may write.
        **settings: override those of the tests.
    """
    config = {
        "SECRET_KEY": KEY,
        "SQLALCHEMY_DATABASE_URI": "sqlite://",
        "FILE_STORE_ROOT_PATH": str(folder / "files"),
        "PLUGIN_FOLDERS": [str(PROBE_FOLDER)],
        **settings,
    }
    app = create_app(config, silent_log=True)
    with app.app_context():
        DB.create_all()
    return app
