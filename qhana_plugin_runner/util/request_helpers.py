# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Old import path of :mod:`qhana_plugin_runner.url_adapters`."""

from __future__ import annotations

from qhana_plugin_runner.url_adapters import (
    DataAdapter,
    FileAdapter,
    register_additional_schemas,
)

__all__ = ["DataAdapter", "FileAdapter", "register_additional_schemas"]
