# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""A plugin that imports its routes when it is asked for its blueprint."""

from __future__ import annotations

from flask import Flask

from qhana_plugin_runner.api.util import SecurityBlueprint
from qhana_plugin_runner.util.plugins import QHAnaPluginBase


class Late(QHAnaPluginBase):
    """The plugin."""

    name = "api-lab-late"
    version = "v1.0.0"
    description = "Imports late."
    tags: list[str] = []

    def __init__(self, app: Flask | None) -> None:
        super().__init__(app)

    def get_api_blueprint(self) -> SecurityBlueprint:
        from .routes import LATE

        return LATE
