# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Where settings are declared, parsed and loaded.

This is the only package that reads ``os.environ`` (besides the developer commands).
"""

from .load import APP_NAME, instance_path, load_config
from .settings import SETTINGS, Setting

__all__ = ["APP_NAME", "SETTINGS", "Setting", "instance_path", "load_config"]
