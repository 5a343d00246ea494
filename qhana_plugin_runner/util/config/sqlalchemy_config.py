# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Old import path of :mod:`qhana_plugin_runner.config.sqlalchemy_config`."""

from ...config.sqlalchemy_config import *  # noqa: F403
