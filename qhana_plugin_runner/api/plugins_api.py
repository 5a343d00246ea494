# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The list of plugins, and the way from a plugin's name to its newest version."""

from __future__ import annotations

from functools import lru_cache
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa
from flask import current_app, jsonify, redirect, request, url_for
from flask.views import MethodView
from marshmallow.fields import List, Nested, String
from webargs.flaskparser import abort

from qhana_plugin_runner.api.mounted import MountedPlugin, mounted_plugins
from qhana_plugin_runner.api.util import MaBaseSchema, SecurityBlueprint
from qhana_plugin_runner.babel import gettext
from qhana_plugin_runner.db.leased_rows import LeasedRows
from qhana_plugin_runner.db.models.virtual_plugins import VirtualPlugin
from qhana_plugin_runner.db.single_statements import SingleStatement
from qhana_plugin_runner.plugin_loader import get_load_report
from qhana_plugin_runner.util.plugins import QHAnaPluginBase, plugin_identifier
from qhana_plugin_runner.util.url_prefixes import url_root

PLUGINS_API = SecurityBlueprint(
    "plugins-api",
    __name__,
    description="All plugins, virtual ones included.",
    url_prefix="/plugins",
)


# With an @ it is the identifier of a plugin, whose own view answers.
_PLUGIN_NAME = {
    "in": "path",
    "name": "plugin",
    "schema": {"type": "string", "minLength": 1, "pattern": "^[^@/]+$"},
}

#: The rows of all virtual plugins; registries ask for the list again and again.
VIRTUAL_PLUGINS = LeasedRows(
    VirtualPlugin,
    SingleStatement(
        sa.select(
            VirtualPlugin.parent_id,
            VirtualPlugin.name,
            VirtualPlugin.version,
            VirtualPlugin.description,
            VirtualPlugin.tags,
            VirtualPlugin.href,
        ).order_by(VirtualPlugin.id)
    ),
)


class PluginSchema(MaBaseSchema):
    """One plugin in the list."""

    name = String(required=True)
    version = String(required=True)
    identifier = String(required=True)
    api_root = String(required=True, metadata={"description": "Its metadata."})
    description = String(required=True)
    tags = List(String(), required=True)


class PluginCollectionSchema(MaBaseSchema):
    """The list of plugins."""

    plugins = List(Nested(PluginSchema), required=True)


@PLUGINS_API.route("/")
class PluginsView(MethodView):
    """All plugins with an API."""

    @PLUGINS_API.response(HTTPStatus.OK, PluginCollectionSchema())
    def get(self) -> Any:
        """Get all plugins, sorted by name and version."""
        mounted = mounted_plugins().by_identifier.values()
        root = url_root().rstrip("/")
        plugins = [_plugin(entry, root) for entry in mounted]
        virtual_plugins = VIRTUAL_PLUGINS.rows()
        if virtual_plugins:
            parents = {entry.plugin.identifier for entry in mounted}
            parents |= {entry.plugin.name for entry in mounted}
            plugins.extend(
                _virtual_plugin(*values)
                for parent, *values in virtual_plugins
                if parent in parents
            )
        plugins.sort(key=lambda plugin: (plugin["name"], plugin["version"]))
        return jsonify({"plugins": plugins})


@lru_cache(maxsize=1024)
def _quoted(path: str) -> str:
    return quote(path, "/@")


def _plugin(mounted: MountedPlugin, root: str) -> dict[str, Any]:
    plugin = mounted.plugin
    description: Any = plugin.description
    return {
        "name": plugin.name,
        "version": plugin.version,
        "identifier": plugin.identifier,
        "apiRoot": f"{root}{_quoted(mounted.url_prefix)}/",
        "description": None if description is None else str(description),
        "tags": [str(tag) for tag in plugin.tags],
    }


def _virtual_plugin(
    name: str, version: str, description: str, tags: str, href: str
) -> dict[str, Any]:
    return {
        "name": name,
        "version": version,
        "identifier": plugin_identifier(name, version),
        "apiRoot": href,
        "description": description,
        "tags": [tag for tag in tags.split("\n") if tag],
    }


def _newest_version(name: str) -> QHAnaPluginBase | None:
    """Return the newest usable version of a plugin, which need not have an API."""
    report = get_load_report()
    failed = {entry.identifier for entry in report.failures}
    mounted = mounted_plugins().by_identifier
    versions = [
        plugin
        for identifier, plugin in report.plugins.items()
        if plugin.name == name and (identifier in mounted or identifier not in failed)
    ]
    return max(versions, key=lambda plugin: plugin.parsed_version, default=None)


@PLUGINS_API.route("/<string:plugin>/", parameters=[_PLUGIN_NAME])
class PluginView(MethodView):
    """The newest version of a plugin."""

    @PLUGINS_API.response(HTTPStatus.FOUND, description="To the newest version.")
    @PLUGINS_API.alt_response(HTTPStatus.NOT_FOUND, "DEFAULT_ERROR")
    def get(self, plugin: str) -> Any:
        """Redirect to the newest version of the plugin with that name."""
        mounted = mounted_plugins()
        if plugin in mounted.by_identifier:
            # Its own "/" would have matched before this view.
            return self._redirect(mounted.by_identifier[plugin])
        newest = _newest_version(plugin)
        if newest is None or newest.identifier not in mounted.by_identifier:
            abort(404, message=gettext("No plugin registered with that name."))
        return self._redirect(mounted.by_identifier[newest.identifier])

    def _redirect(self, mounted: MountedPlugin) -> Any:
        root = f"{mounted.url_prefix}/"
        for rule in current_app.url_map.iter_rules():
            is_root = rule.rule == root and "GET" in (rule.methods or ())
            if is_root and rule.endpoint.startswith(f"{mounted.blueprint_name}."):
                location = url_for(rule.endpoint)
                query = request.query_string.decode("ascii", "replace")
                return redirect(f"{location}?{query}" if query else location)
        abort(404, message=gettext("The plugin does not provide a blueprint."))
