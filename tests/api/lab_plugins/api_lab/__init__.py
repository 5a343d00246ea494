# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Plugin ``api-lab``: one view for each thing that a view can do."""

from __future__ import annotations

from flask import Flask

from qhana_plugin_runner.api.util import SecurityBlueprint
from qhana_plugin_runner.util.plugins import QHAnaPluginBase, plugin_identifier

IDENTIFIER = plugin_identifier("api-lab", "v1.2.0")

LAB = SecurityBlueprint(IDENTIFIER, __name__, description="Views of all kinds.")


class ApiLab(QHAnaPluginBase):
    """The plugin that the tests of the API talk to."""

    name = "api-lab"
    version = "v1.2.0"
    description = "Answers in every way."
    tags = ["lab", "demo"]

    def __init__(self, app: Flask | None) -> None:
        super().__init__(app)

    def get_api_blueprint(self) -> SecurityBlueprint:
        return LAB

    def get_requirements(self) -> str:
        return ""


from . import routes  # noqa: E402,F401
