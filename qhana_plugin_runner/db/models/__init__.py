# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""All tables. Importing this package declares them."""

from . import access_tokens, leases, tasks, virtual_plugins, webhook_deliveries

__all__ = [
    "access_tokens",
    "leases",
    "tasks",
    "virtual_plugins",
    "webhook_deliveries",
]
