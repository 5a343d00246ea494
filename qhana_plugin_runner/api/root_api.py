# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The root of the API: a JSON object for programs, the index for browsers."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from flask import Response, jsonify
from flask.views import MethodView
from marshmallow.fields import String

from qhana_plugin_runner.api.error_answers import prefers_html
from qhana_plugin_runner.api.util import MaBaseSchema, SecurityBlueprint
from qhana_plugin_runner.frontend.pages import render_index

ROOT_API = SecurityBlueprint(
    "api-root", __name__, description="The entry point of the API.", url_prefix="/"
)

TITLE = "QHAna plugin runner api."


class RootSchema(MaBaseSchema):
    """The root document."""

    title = String(required=True, dump_default=TITLE)


@ROOT_API.route("/")
class RootView(MethodView):
    """Where programs and people start."""

    @ROOT_API.html_response(HTTPStatus.OK, description="The index for browsers.")
    @ROOT_API.response(HTTPStatus.OK, RootSchema())
    def get(self) -> Any:
        """Get the title of the API, or the index page."""
        is_page = prefers_html()
        response = Response(render_index()) if is_page else jsonify(title=TITLE)
        response.vary.add("Accept")
        return response
