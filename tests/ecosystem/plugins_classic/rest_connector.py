# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Shape: virtual plugins, state with nested values, an unreachable registry."""

from http import HTTPStatus
from json import dumps
from typing import cast
from uuid import uuid4

import marshmallow as ma
from flask import Flask, abort, url_for
from flask.globals import current_app
from flask.views import MethodView
from requests.exceptions import ConnectionError, RequestException

from qhana_plugin_runner.api.plugin_schemas import (
    EntryPoint,
    PluginMetadata,
    PluginMetadataSchema,
    PluginType,
)
from qhana_plugin_runner.api.util import MaBaseSchema, SecurityBlueprint
from qhana_plugin_runner.db.db import DB
from qhana_plugin_runner.db.models.virtual_plugins import (
    VIRTUAL_PLUGIN_CREATED,
    VIRTUAL_PLUGIN_REMOVED,
    PluginState,
    VirtualPlugin,
)
from qhana_plugin_runner.registry_client import PLUGIN_REGISTRY_CLIENT
from qhana_plugin_runner.util.logging import redact_log_data
from qhana_plugin_runner.util.plugins import QHAnaPluginBase, plugin_identifier

_plugin_name = "rest-connector"
__version__ = "v0.1.0"
_identifier = plugin_identifier(_plugin_name, __version__)

REST_BLP = SecurityBlueprint(_identifier, __name__, description="Virtual plugins.")


class ConnectorSchema(MaBaseSchema):
    """A new connector."""

    connector_name = ma.fields.String(required=True)
    db_password = ma.fields.String(load_default="")


class RestConnector(QHAnaPluginBase):
    """The plugin."""

    name = _plugin_name
    version = __version__
    description = "Virtual plugins."
    tags = ["rest"]

    def __init__(self, app: Flask | None) -> None:
        super().__init__(app)

    def get_api_blueprint(self):
        return REST_BLP

    def get_requirements(self) -> str:
        return ""


@REST_BLP.route("/")
class PluginsView(MethodView):
    """The metadata."""

    @REST_BLP.response(HTTPStatus.OK, PluginMetadataSchema())
    @REST_BLP.require_jwt("jwt", optional=True)
    def get(self):
        """Plugin metadata."""
        return PluginMetadata(
            title="REST connector",
            description=RestConnector.instance.description,
            name=RestConnector.instance.name,
            version=RestConnector.instance.version,
            type=PluginType.interaction,
            entry_point=EntryPoint(
                href=url_for(f"{REST_BLP.name}.ConnectorsView"), ui_href="/none/"
            ),
            tags=RestConnector.instance.tags,
        )


@REST_BLP.route("/connectors/")
class ConnectorsView(MethodView):
    """All connectors."""

    @REST_BLP.response(HTTPStatus.OK)
    def get(self):
        """List the names, and forget rows that are not in the state."""
        connectors = PluginState.get_value(_identifier, "connectors", [])
        hrefs = {_href(id_) for id_ in connectors}
        stale = VirtualPlugin.get_all([_plugin_name], [~VirtualPlugin.href.in_(hrefs)])
        for plugin in stale:
            DB.session.delete(plugin)
        DB.session.commit()
        known = VirtualPlugin.get_all(for_parents=[_identifier, _plugin_name])
        return [[plugin.name, plugin.tag_list, plugin.identifier] for plugin in known]

    @REST_BLP.arguments(ConnectorSchema(), location="json")
    @REST_BLP.response(HTTPStatus.CREATED)
    def post(self, body):
        """Make a connector."""
        id_ = str(uuid4())
        connectors = cast(list, PluginState.get_value(_identifier, "connectors", []))
        PluginState.set_value(_identifier, "connectors", [*connectors, id_])
        PluginState.set_value(
            _identifier, id_, {"name": body["connector_name"], "variables": {"a": []}}
        )
        plugin = VirtualPlugin(
            parent_id=_identifier,
            name=id_,
            version="0",
            description="",
            tags="\n".join(["rest-connector", "TODO"]),
            href=_href(id_),
        )
        DB.session.add(plugin)
        DB.session.commit()
        app = current_app._get_current_object()
        VIRTUAL_PLUGIN_CREATED.send(app, plugin_url=plugin.href)
        current_app.logger.info(dumps(redact_log_data(body)))
        return {"id": id_, "log": redact_log_data(body)}


@REST_BLP.route("/connectors/<string:connector_id>/")
class ConnectorView(MethodView):
    """One connector is a plugin."""

    @REST_BLP.response(HTTPStatus.OK, PluginMetadataSchema())
    def get(self, connector_id: str):
        """Metadata of the virtual plugin; a nested change of the state is kept."""
        connector = PluginState.get_value(_identifier, connector_id, None)
        if connector is None:
            abort(HTTPStatus.NOT_FOUND)
        connector["variables"]["a"].append(len(connector["variables"]["a"]))
        DB.session.commit()
        return PluginMetadata(
            title=connector["name"],
            description=str(connector["variables"]["a"]),
            name=connector_id,
            version="0",
            type=PluginType.processing,
            entry_point=EntryPoint(href=_href(connector_id), ui_href="/none/"),
        )

    @REST_BLP.response(HTTPStatus.NO_CONTENT)
    def delete(self, connector_id: str):
        """Delete the virtual plugin."""
        href = _href(connector_id)
        if not VirtualPlugin.exists([VirtualPlugin.href == href]):
            abort(HTTPStatus.NOT_FOUND)
        VirtualPlugin.delete_by_href(href, _identifier)
        PluginState.delete_value(_identifier, connector_id, commit=True)
        app = current_app._get_current_object()
        VIRTUAL_PLUGIN_REMOVED.send(app, plugin_url=href)
        return "", HTTPStatus.NO_CONTENT


@REST_BLP.route("/search/")
class SearchView(MethodView):
    """Asks the registry, which does not answer."""

    @REST_BLP.response(HTTPStatus.OK)
    def get(self):
        """Return what the registry client raised."""
        found = []
        try:
            with PLUGIN_REGISTRY_CLIENT as client:
                client.search_by_rel("plugin", {"name": "x"})
        except ConnectionError as err:
            found.append(isinstance(err, RequestException))
        try:
            PLUGIN_REGISTRY_CLIENT.search_by_rel(
                "plugin", {"name": "x"}, allow_collection_resource=False
            )
        except RequestException:
            found.append("without with")
        return found


def _href(connector_id: str) -> str:
    return url_for(
        f"{REST_BLP.name}.ConnectorView", connector_id=connector_id, _external=True
    )
