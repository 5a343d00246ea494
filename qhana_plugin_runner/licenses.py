# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The licences page under its old import path."""

from qhana_plugin_runner.frontend.licenses import (
    LICENSES_BLP,
    init_app,
    installed_licenses,
    license_text,
)

__all__ = ["LICENSES_BLP", "init_app", "installed_licenses", "license_text"]
