# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Which plugins have routes in the current app.

``QHAnaPluginBase.has_api`` says so for the whole process; an app that was built with
other plugin folders than another one has to know better.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from flask import Flask, current_app

from qhana_plugin_runner.util.plugins import QHAnaPluginBase

__all__ = ["MountedPlugin", "MountedPlugins", "init_app", "mounted_plugins"]

_EXTENSION = "qhana-mounted-plugins"


@dataclass(frozen=True)
class MountedPlugin:
    """A plugin whose blueprint is registered.

    Attributes:
        plugin: the instance of this app.
        url_prefix: path of its routes, without a slash at the end.
        blueprint_name: name of its blueprint.
    """

    plugin: QHAnaPluginBase
    url_prefix: str
    blueprint_name: str


@dataclass
class MountedPlugins:
    """The mounted plugins of one app by identifier."""

    by_identifier: dict[str, MountedPlugin] = field(default_factory=dict)

    def add(self, mounted: MountedPlugin) -> None:
        """Note that a blueprint was registered."""
        self.by_identifier[mounted.plugin.identifier] = mounted


def init_app(app: Flask) -> MountedPlugins:
    """Start with no plugin mounted on this app."""
    app.extensions[_EXTENSION] = MountedPlugins()
    return app.extensions[_EXTENSION]


def mounted_plugins() -> MountedPlugins:
    """Return the mounted plugins of the current app."""
    return current_app.extensions[_EXTENSION]
