# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Old import path of the plugin commands in :mod:`qhana_plugin_runner.cli`."""

from .cli import PLUGIN_CLI

__all__ = ["PLUGIN_CLI"]
