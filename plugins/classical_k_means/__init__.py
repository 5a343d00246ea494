# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Plugin ``classical-k-means``: groups of similar entities.

| form field | meaning |
|---|---|
| ``entitiesUrl`` | URL of the entities |
| ``attributes`` | names, separated by commas; empty: all that are numbers |
| ``clusters`` | number of clusters |
| ``seed`` | seed of the random numbers; the same seed gives the same clusters |
| ``outputFormat`` | ``csv`` or ``json`` |

Input: entities of any type with numbers in them (``entity/numeric``, ``entity/vector``,
``entity/list``) as ``text/csv``, ``application/json`` or ``application/X-lines+json``.

Outputs: ``clusters.csv`` or ``clusters.json`` (``entity/label``) with ``ID``, ``href``
and ``label`` (0, 1, … in the order in which the clusters appear in the file); for two or
more attributes also ``plot.html`` (``custom/plot``), an interactive scatter plot that
works without a network.

A file that cannot be used ends the task in ``FAILURE`` with a sentence that names the row
and the column.

The scientific packages are imported when the first task runs, not with the plugin: the
web server never needs them, and a worker starts its child processes before their thread
pools exist, which some of them would not survive.
"""

from __future__ import annotations

from flask import Flask

from qhana_plugin_runner.api.util import SecurityBlueprint
from qhana_plugin_runner.util.plugins import QHAnaPluginBase, plugin_identifier

_plugin_name = "classical-k-means"
__version__ = "v1.0.0"
_identifier = plugin_identifier(_plugin_name, __version__)

KMEANS_BLP = SecurityBlueprint(
    _identifier,
    __name__,
    description="Clustering with the k-means algorithm.",
)


class ClassicalKMeans(QHAnaPluginBase):
    """What the runner knows about this plugin."""

    name = _plugin_name
    version = __version__
    description = "Finds groups of similar entities with the k-means algorithm."
    tags = ["clustering", "points-to-clusters", "k-means"]

    def __init__(self, app: Flask | None) -> None:
        super().__init__(app)

    def get_api_blueprint(self) -> SecurityBlueprint:
        return KMEANS_BLP

    def get_requirements(self) -> str:
        return "scikit-learn>=1.5,<2\nnumpy>=1.26,<3\nplotly>=5.22"


# The views and tasks read ClassicalKMeans.instance, so they are imported last.
from . import routes  # noqa: E402, F401
