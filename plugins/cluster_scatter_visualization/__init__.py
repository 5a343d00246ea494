# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Plugin ``cluster-scatter-visualization``: points in the plane, coloured by cluster.

| form field | meaning |
|---|---|
| ``entitiesUrl`` | URL of the points (``entity/vector``) |
| ``clustersUrl`` | URL of the labels (``entity/label``) of these points; optional |

Both as ``text/csv``, ``application/json`` or ``application/X-lines+json``. The first two
attributes of the points are drawn; a point without a label is drawn in grey.

* **Preview.** The micro frontend is opened as ``/ui/?entitiesUrl=<url>``. Its script asks
  ``/plot/?entitiesUrl=<url>``, which lets a worker read the files and answers 202 until
  the plot is there, and draws it with ``/plotly.js``. Nothing is stored.
* **Result.** ``POST /process/`` starts a task that stores the plot as ``plot.html``
  (``custom/plot``, ``text/html``), one file that works without a network.
"""

from __future__ import annotations

from flask import Flask

from qhana_plugin_runner.api.util import SecurityBlueprint
from qhana_plugin_runner.util.plugins import QHAnaPluginBase, plugin_identifier

_plugin_name = "cluster-scatter-visualization"
__version__ = "v1.0.0"
_identifier = plugin_identifier(_plugin_name, __version__)

SCATTER_BLP = SecurityBlueprint(
    _identifier,
    __name__,
    description="Shows clusters as a scatter plot.",
    template_folder="templates",
)


class ClusterScatterVisualization(QHAnaPluginBase):
    """What the runner knows about this plugin."""

    name = _plugin_name
    version = __version__
    description = "Shows points and the clusters they belong to as a scatter plot."
    tags = ["visualization", "cluster", "scatter-plot"]

    def __init__(self, app: Flask | None) -> None:
        super().__init__(app)

    def get_api_blueprint(self) -> SecurityBlueprint:
        return SCATTER_BLP

    def get_requirements(self) -> str:
        return "plotly>=5.22"


# The views and tasks read ClusterScatterVisualization.instance: they are imported last.
from . import routes  # noqa: E402, F401
