# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Shape: a multi-step package with a template of its own and with old library names.

``flask.Markup``, unknown keywords of fields, ``fields.Number()``, replaced fields.
"""

from flask import Flask

from qhana_plugin_runner.api.util import SecurityBlueprint
from qhana_plugin_runner.util.plugins import QHAnaPluginBase, plugin_identifier

_plugin_name = "pandas-preprocessing"
__version__ = "v0.1.2"
_identifier = plugin_identifier(_plugin_name, __version__)

PANDAS_BLP = SecurityBlueprint(
    _identifier,
    __name__,
    description="Preprocessing in steps.",
    template_folder="templates",
)


class PandasPreprocessing(QHAnaPluginBase):
    """The plugin."""

    name = _plugin_name
    version = __version__
    description = "Preprocessing in steps."
    tags = ["preprocessing"]

    def __init__(self, app: Flask | None) -> None:
        super().__init__(app)

    def get_api_blueprint(self):
        return PANDAS_BLP

    def get_requirements(self) -> str:
        return "pandas~=1.5.0\nnumpy~=1.26"


try:  # noqa: SIM105
    # It is possible that the requirements are not installed yet.
    from . import routes  # noqa: F401
except ImportError:
    pass
