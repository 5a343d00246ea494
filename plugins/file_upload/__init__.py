# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Plugin ``file-upload``: a file of the user becomes the result of a task.

So every other plugin can read the file by its URL. The file is stored while the request
is answered, not by a worker: the web process has the bytes already, and passing a large
file on to a worker would only copy it once more. Therefore the view finishes the row of
the task itself and tells subscribers with ``TASK_STATUS_CHANGED``.

The upload is spooled to disk and copied in pieces, so memory stays flat for any size
(``MAX_CONTENT_LENGTH`` limits the size).

| form field | meaning |
|---|---|
| ``file`` | the file, required; its name is cleaned, see ``names.py`` |
| ``dataType`` | what the data means, for example ``entity/list``; no wildcards |
| ``contentType`` | its format, for example ``text/csv``; empty: guessed from the name |

Output: that file, with the given data type and content type. Malformed values are
answered with 422.
"""

from __future__ import annotations

from flask import Flask

from qhana_plugin_runner.api.util import SecurityBlueprint
from qhana_plugin_runner.util.plugins import QHAnaPluginBase, plugin_identifier

_plugin_name = "file-upload"
__version__ = "v1.0.0"
_identifier = plugin_identifier(_plugin_name, __version__)

UPLOAD_BLP = SecurityBlueprint(
    _identifier,
    __name__,
    description="Stores a file of the user as the result of a task.",
)


class FileUpload(QHAnaPluginBase):
    """What the runner knows about this plugin."""

    name = _plugin_name
    version = __version__
    description = "Uploads a file, so that other plugins can use it as input."
    tags = ["data-loading", "file-upload"]

    def __init__(self, app: Flask | None) -> None:
        super().__init__(app)

    def get_api_blueprint(self) -> SecurityBlueprint:
        return UPLOAD_BLP

    def get_requirements(self) -> str:
        return ""


# The views read FileUpload.instance, so they are imported last.
from . import routes  # noqa: E402, F401
