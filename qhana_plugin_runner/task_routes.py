# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Which queue the tasks of a plugin go to (``TASK_ROUTES``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .task_plugins import plugin_of_task
from .util.plugins import QHAnaPluginBase


def queue_of_task(routes: Mapping[str, str], name: str, task: Any = None) -> str | None:
    """Return the queue that the routes name for a task, ``None`` for the default queue.

    Args:
        routes: queue by identifier, name or tag of a plugin; the more exact one counts,
            and of several tags the one that comes first in the routes.
        name: name of the task.
        task: the task itself, if it is known in this process.
    """
    if not routes:
        return None
    identifier = plugin_of_task(name, task)
    if identifier is None:
        return None
    plugin = QHAnaPluginBase.get_plugins()[identifier]
    for key in (identifier, plugin.name):
        if key in routes:
            return routes[key]
    tags = set(plugin.tags or ())
    return next((queue for tag, queue in routes.items() if tag in tags), None)
