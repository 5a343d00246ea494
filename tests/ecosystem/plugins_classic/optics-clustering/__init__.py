# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Shape: a package (with a hyphen) whose requirements are not installed."""

from flask import Flask

from qhana_plugin_runner.api.util import SecurityBlueprint
from qhana_plugin_runner.util.plugins import QHAnaPluginBase, plugin_identifier

_plugin_name = "optics-clustering"
__version__ = "v0.2.0"
_identifier = plugin_identifier(_plugin_name, __version__)

OPTICS_BLP = SecurityBlueprint(
    _identifier, __name__, description="OPTICS.", template_folder="templates"
)


class Optics(QHAnaPluginBase):
    """The plugin."""

    name = _plugin_name
    version = __version__
    description = "Clusters points."
    tags = ["clustering"]

    def __init__(self, app: Flask | None) -> None:
        super().__init__(app)

    def get_api_blueprint(self):
        return OPTICS_BLP

    def get_requirements(self) -> str:
        return "a-package-that-nobody-has~=1.1\nnumpy~=1.26"


try:  # noqa: SIM105
    # It is possible that the requirements are not installed yet.
    from . import routes  # noqa: F401
except ImportError:
    pass
