# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The HTTP API. Importing this package imports no view."""

from qhana_plugin_runner.api.extra_fields import EnumField
from qhana_plugin_runner.api.util import MaBaseSchema

__all__ = ["EnumField", "MaBaseSchema"]
