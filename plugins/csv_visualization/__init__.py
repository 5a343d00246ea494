# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Plugin ``csv-visualization``: shows entities as a table that can be sorted.

A visualisation works in two ways, and this plugin shows both:

* **Preview.** The micro frontend is opened as ``/ui/?data=<url>``. Its script asks
  ``/table/?data=<url>``, which lets a worker read the file and answers 202 until the
  table is there. Nothing is stored. All texts go into the page as text, never as HTML.
* **Result.** ``POST /process/`` starts a task that stores the table as ``table.html``
  (``custom/table``, ``text/html``).

Reading is limited to ``maxRows`` rows; a note says if the file has more. CSV and JSON
lines are read as a stream, so a large file costs no more than the rows that are shown.

Input: ``data``, a URL of ``entity/*`` as ``text/csv``, ``application/json`` or
``application/X-lines+json``.
"""

from __future__ import annotations

from flask import Flask

from qhana_plugin_runner.api.util import SecurityBlueprint
from qhana_plugin_runner.util.plugins import QHAnaPluginBase, plugin_identifier

_plugin_name = "csv-visualization"
__version__ = "v1.0.0"
_identifier = plugin_identifier(_plugin_name, __version__)

CSV_BLP = SecurityBlueprint(
    _identifier,
    __name__,
    description="Shows entities as a table.",
    template_folder="templates",
)


class CsvVisualization(QHAnaPluginBase):
    """What the runner knows about this plugin."""

    name = _plugin_name
    version = __version__
    description = "Shows the entities of a CSV or JSON file as a sortable table."
    tags = ["visualization", "table", "csv"]

    def __init__(self, app: Flask | None) -> None:
        super().__init__(app)

    def get_api_blueprint(self) -> SecurityBlueprint:
        return CSV_BLP

    def get_requirements(self) -> str:
        return ""


# The views and tasks read CsvVisualization.instance, so they are imported last.
from . import routes  # noqa: E402, F401
