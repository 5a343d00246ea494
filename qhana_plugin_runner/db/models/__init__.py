# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""All tables. Importing this package declares them."""

from . import leases, tasks, virtual_plugins, webhook_deliveries

__all__ = ["leases", "tasks", "virtual_plugins", "webhook_deliveries"]
