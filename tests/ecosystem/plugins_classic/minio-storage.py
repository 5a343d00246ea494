# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Shape: a plugin that adds a file store.

The module raises ``ImportError`` after its class statement, because its requirement is
missing; the requirement must be known nevertheless.
"""

from flask import Flask

from qhana_plugin_runner.util.plugins import QHAnaPluginBase

_plugin_name = "minio-storage"
__version__ = "v0.1.0"


class MinioStorage(QHAnaPluginBase):
    """A plugin without API."""

    name = _plugin_name
    version = __version__
    description = "Stores files in MinIO."
    tags = []

    def __init__(self, app: Flask | None) -> None:
        super().__init__(app)

    def get_requirements(self) -> str:
        return "another-package-that-nobody-has>=5,<6"


from another_package_that_nobody_has import Client  # noqa: E402

CLIENT = Client()
