# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Old import path of :mod:`qhana_plugin_runner.config.smorest_config`."""

from ...config.smorest_config import SMOREST_DEBUG_CONFIG, SMOREST_PRODUCTION_CONFIG

__all__ = ["SMOREST_DEBUG_CONFIG", "SMOREST_PRODUCTION_CONFIG"]
