# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Plugin ``pca``: fewer dimensions by principal component analysis.

| form field | meaning |
|---|---|
| ``entitiesUrl`` | URL of the entities |
| ``attributes`` | names, separated by commas; empty: all that are numbers |
| ``dimensions`` | how many dimensions the result has |
| ``scaling`` | ``none``, ``standard`` (mean 0, variance 1) or ``min_max`` (0 to 1) |
| ``outputFormat`` | ``csv`` or ``json`` |

Input: entities of any type with numbers in them (``entity/numeric``, ``entity/vector``,
``entity/list``) as ``text/csv``, ``application/json`` or ``application/X-lines+json``.

Outputs: ``pca.csv`` or ``pca.json`` (``entity/vector``) with the same IDs in the same
order; ``pca-metadata.json`` (``custom/pca-metadata``) with the explained variance, the
components and the means; ``plot.html`` (``custom/plot``), an interactive scatter plot of
the first two dimensions that works without a network.

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

_plugin_name = "pca"
__version__ = "v1.0.0"
_identifier = plugin_identifier(_plugin_name, __version__)

PCA_BLP = SecurityBlueprint(
    _identifier,
    __name__,
    description="Principal component analysis.",
)


class PCAPlugin(QHAnaPluginBase):
    """What the runner knows about this plugin."""

    name = _plugin_name
    version = __version__
    description = "Reduces the dimensions of entities by principal component analysis."
    tags = ["dimension-reduction", "preprocessing"]

    def __init__(self, app: Flask | None) -> None:
        super().__init__(app)

    def get_api_blueprint(self) -> SecurityBlueprint:
        return PCA_BLP

    def get_requirements(self) -> str:
        return "scikit-learn>=1.5,<2\nnumpy>=1.26,<3\nplotly>=5.22"


# The views and tasks read PCAPlugin.instance, so they are imported last.
from . import routes  # noqa: E402, F401
