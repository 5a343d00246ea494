# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Which plugin a task belongs to: for its queue, for log lines and for metrics."""

from __future__ import annotations

from typing import Any

from .util.plugins import QHAnaPluginBase


def plugin_of_task(name: str, task: Any = None) -> str | None:
    """Return the identifier of the plugin that a task belongs to.

    Args:
        name: name of the task. It begins with the identifier of its plugin, or with the
            module of its plugin, which is Celery's default, or is any other.
        task: the task itself, if it is known in this process; its module counts then.

    Returns:
        ``None`` for tasks of the runner and of Celery, and if the plugin is not loaded.
    """
    plugins = QHAnaPluginBase.get_plugins()
    first = name.partition(".")[0]
    if first in plugins:
        return first
    module = first
    if task is not None:
        module = _module(type(task) if task.run is None else task)
    if module == __package__:
        return None
    return next(
        (key for key, plugin in plugins.items() if _module(type(plugin)) == module), None
    )


def _module(thing: Any) -> str:
    """Return the name of the module or package in a plugin folder that defines it."""
    return str(thing.__module__).partition(".")[0]
