# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The views of the second plugin: a page of its own, a resource of a subpackage."""

from http import HTTPStatus
from importlib import resources
from json import loads

from flask import abort, render_template, send_from_directory, url_for
from flask.views import MethodView

from qhana_plugin_runner.api.plugin_schemas import (
    EntryPoint,
    PluginMetadata,
    PluginMetadataSchema,
    PluginType,
)

from . import DEPLOY_BLP, DeployWorkflow, config


@DEPLOY_BLP.route("/")
class PluginsView(MethodView):
    """The metadata."""

    @DEPLOY_BLP.response(HTTPStatus.OK, PluginMetadataSchema())
    @DEPLOY_BLP.require_jwt("jwt", optional=True)
    def get(self):
        """Plugin metadata."""
        if DeployWorkflow.instance is None:
            abort(HTTPStatus.INTERNAL_SERVER_ERROR)
        return PluginMetadata(
            title="Deploy",
            description=DeployWorkflow.instance.description,
            name=DeployWorkflow.instance.name,
            version=DeployWorkflow.instance.version,
            type=PluginType.interaction,
            entry_point=EntryPoint(
                href=url_for(f"{DEPLOY_BLP.name}.PageView"),
                ui_href=url_for(f"{DEPLOY_BLP.name}.PageView"),
            ),
            tags=DeployWorkflow.instance.tags,
        )


@DEPLOY_BLP.route("/ui/")
class PageView(MethodView):
    """A page from the template folder of the plugin."""

    @DEPLOY_BLP.html_response(HTTPStatus.OK, description="A page.")
    def get(self):
        """Return the page."""
        return render_template("deploy_page.html", title=DeployWorkflow.instance.written)


@DEPLOY_BLP.route("/defaults/")
class DefaultsView(MethodView):
    """A file in a subpackage of the plugin."""

    @DEPLOY_BLP.response(HTTPStatus.OK)
    def get(self):
        """Return the content."""
        files = resources.files("workflows.deploy_templates.assets")
        return loads(files.joinpath("defaults.json").read_text())


@DEPLOY_BLP.route("/files/<path:name>")
class FilesView(MethodView):
    """Files of a folder."""

    @DEPLOY_BLP.response(HTTPStatus.OK)
    def get(self, name: str):
        """Send a file."""
        (config["folder"] / "stored.txt").write_text("stored")
        return send_from_directory(config["folder"], name)
