# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Former name of :mod:`qhana_plugin_runner.api.jwt`; the names stay importable here."""

from qhana_plugin_runner.api.jwt import JWT, SECURITY_SCHEMES, DemoUser, require_jwt

__all__ = ["JWT", "SECURITY_SCHEMES", "DemoUser", "require_jwt"]
