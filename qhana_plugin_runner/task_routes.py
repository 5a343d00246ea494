# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Which queue the tasks of a plugin go to (``TASK_ROUTES``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .util.plugins import QHAnaPluginBase


def queue_of_task(routes: Mapping[str, str], name: str, task: Any = None) -> str | None:
    """Return the queue that the routes name for a task, ``None`` for the default queue.

    Args:
        routes: queue by identifier, name or tag of a plugin; the more exact one counts,
            and of several tags the one that comes first in the routes.
        name: name of the task, which begins with the identifier of its plugin or is in a
            module of its plugin.
        task: the task itself, if it is known in this process.
    """
    if not routes:
        return None
    plugin = _plugin_of_task(name, task)
    if plugin is None:
        return None
    for key in (plugin.identifier, plugin.name):
        if key in routes:
            return routes[key]
    tags = set(plugin.tags or ())
    return next((queue for tag, queue in routes.items() if tag in tags), None)


def _plugin_of_task(name: str, task: Any) -> QHAnaPluginBase | None:
    plugins = QHAnaPluginBase.get_plugins()
    plugin = plugins.get(name.partition(".")[0])
    if plugin is not None or task is None:
        return plugin
    module = _module(type(task) if task.run is None else task)
    if module == __package__:
        return None
    return next(
        (plugin for plugin in plugins.values() if _module(type(plugin)) == module), None
    )


def _module(thing: Any) -> str:
    """Return the name of the module or package in a plugin folder that defines it."""
    return str(thing.__module__).partition(".")[0]
