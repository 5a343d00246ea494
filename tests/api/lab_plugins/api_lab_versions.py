# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Plugins of one name in several versions, with and without API."""

from __future__ import annotations

from flask import Blueprint, Flask

from qhana_plugin_runner.api.util import SecurityBlueprint
from qhana_plugin_runner.util.plugins import QHAnaPluginBase


class _Plugin(QHAnaPluginBase):
    description = "One of several versions."

    def __init__(self, app: Flask | None) -> None:
        super().__init__(app)
        self._blueprint = SecurityBlueprint(self.identifier, __name__, description="")
        self._blueprint.add_url_rule("/", "root", lambda: {"version": self.version})

    def get_api_blueprint(self) -> Blueprint:
        return self._blueprint


class Old(_Plugin):
    """A version with a number of two digits is newer than one of one digit."""

    name = "api-lab-many"
    version = "v0.9.0"


class New(_Plugin):
    """The newest version."""

    name = "api-lab-many"
    version = "0.10.0"


class Candidate(_Plugin):
    """A release candidate is older than its release."""

    name = "api-lab-many"
    version = "v0.10.0rc1"


class WithApi(_Plugin):
    """The only version with an API."""

    name = "api-lab-retired"
    version = "v1.0.0"


class WithoutApi(_Plugin):
    """The newest version has no API."""

    name = "api-lab-retired"
    version = "v2.0.0"

    def get_api_blueprint(self) -> Blueprint:
        raise NotImplementedError


class WithoutRoutes(_Plugin):
    """A plugin whose requirements are not installed: its blueprint has no routes."""

    name = "api-lab-no-routes"
    version = "v1.0.0"

    def get_api_blueprint(self) -> Blueprint:
        return NO_ROUTES


NO_ROUTES = SecurityBlueprint(WithoutRoutes.instance.identifier, __name__)


class PlainFlask(_Plugin):
    """A plugin with a blueprint of Flask."""

    name = "api-lab-plain"
    version = "v1.0.0"

    def get_api_blueprint(self) -> Blueprint:
        return PLAIN


PLAIN = Blueprint(PlainFlask.instance.identifier, __name__)


@PLAIN.route("/")
def root() -> str:
    """Answer with text."""
    return "plain"
