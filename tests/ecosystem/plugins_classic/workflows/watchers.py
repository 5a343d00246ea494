# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The periodic task."""

from qhana_plugin_runner.celery import CELERY
from qhana_plugin_runner.db.models.virtual_plugins import PluginState

from . import Workflows


@CELERY.task(name=f"{Workflows.instance.identifier}.watch", bind=True, ignore_result=True)
def watch(self) -> None:
    """Count."""
    name = Workflows.instance.name
    count = PluginState.get_value(name, "watched", default=0)
    PluginState.set_value(name, "watched", count + 1, commit=True)
