# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Old import path of :mod:`qhana_plugin_runner.config.smorest_config`."""

from ...config.smorest_config import *  # noqa: F403
