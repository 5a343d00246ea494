# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""A plugin whose views use every part of ``SecurityBlueprint``; tests call them."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from http import HTTPStatus
from typing import Any

import flask
import marshmallow as ma
from flask import redirect, request
from flask.views import MethodView
from flask_smorest import abort
from marshmallow import EXCLUDE
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError, DataError

from qhana_plugin_runner.api import EnumField
from qhana_plugin_runner.api.extra_fields import CSVList
from qhana_plugin_runner.api.plugin_schemas import (
    DataMetadata,
    EntryPoint,
    PluginMetadata,
    PluginMetadataSchema,
    PluginType,
)
from qhana_plugin_runner.api.util import (
    FileUrl,
    FrontendFormBaseSchema,
    MaBaseSchema,
    SecurityBlueprint,
)
from qhana_plugin_runner.db import DB
from qhana_plugin_runner.errors import (
    BrokerUnavailableError,
    ConfigurationError,
    TaskNotFoundError,
)
from qhana_plugin_runner.util.plugins import QHAnaPluginBase, plugin_identifier

IDENTIFIER = plugin_identifier("api-probe", "v1.10.0")

PROBE_BLP = SecurityBlueprint(IDENTIFIER, __name__, description="Probes of the API.")


class Color(Enum):
    """The choices of a form."""

    red = "Red"
    dark_blue = "Dark blue"


class ProbeSchema(FrontendFormBaseSchema):
    """A form with fields of several kinds."""

    input_str = ma.fields.String(required=True, metadata={"label": "Text"})
    color = EnumField(Color, load_default=Color.red, metadata={"input_type": "select"})
    entity_url = FileUrl(data_input_type="entity/list", data_content_types="text/csv")
    names = CSVList(load_default=list)
    numbers = ma.fields.List(ma.fields.Integer())


class ProbeResultSchema(MaBaseSchema):
    """What the views answer."""

    the_value = ma.fields.Raw(allow_none=True)


class FilesSchema(MaBaseSchema):
    """An uploaded file."""

    the_file = ma.fields.Raw(
        required=True, metadata={"type": "string", "format": "binary"}
    )


@PROBE_BLP.route("/")
class MetadataView(MethodView):
    """The metadata of the plugin."""

    @PROBE_BLP.response(HTTPStatus.OK, PluginMetadataSchema())
    @PROBE_BLP.require_jwt("jwt", optional=True)
    def get(self) -> PluginMetadata:
        """Get the metadata."""
        return PluginMetadata(
            title="API probe",
            description="Probes.",
            name="api-probe",
            version="v1.10.0",
            type=PluginType.processing,
            entry_point=EntryPoint(
                href=flask.url_for(f"{PROBE_BLP.name}.ProcessView"),
                ui_href=flask.url_for(f"{PROBE_BLP.name}.UiView"),
                data_output=[DataMetadata("entity/list", ["text/csv"], True)],
            ),
            tags=["probe"],
        )


@PROBE_BLP.route("/ui/")
class UiView(MethodView):
    """A micro frontend."""

    @PROBE_BLP.html_response(HTTPStatus.OK, description="The form.")
    @PROBE_BLP.arguments(
        ProbeSchema(partial=True, unknown=EXCLUDE, validate_errors_as_result=True),
        location="query",
        required=False,
    )
    @PROBE_BLP.require_jwt("jwt", optional=True)
    def get(self, errors: dict[str, Any]) -> flask.Response:
        """Show the form, prefilled."""
        return flask.Response(flask.json.dumps(errors), mimetype="text/html")

    @PROBE_BLP.html_response(HTTPStatus.OK, description="The form.")
    @PROBE_BLP.arguments(
        ProbeSchema(partial=True, unknown=EXCLUDE, validate_errors_as_result=True),
        location="form",
        required=False,
    )
    @PROBE_BLP.require_jwt("jwt", optional=True)
    def post(self, errors: dict[str, Any]) -> flask.Response:
        """Validate the form."""
        return flask.Response(flask.json.dumps(errors), mimetype="text/html")


@PROBE_BLP.route("/process/")
class ProcessView(MethodView):
    """The processing endpoint."""

    @PROBE_BLP.arguments(ProbeSchema(unknown=EXCLUDE), location="form")
    @PROBE_BLP.response(HTTPStatus.SEE_OTHER)
    @PROBE_BLP.alt_response(HTTPStatus.OK, schema=ProbeSchema())
    @PROBE_BLP.require_jwt("jwt", optional=True)
    def post(self, arguments: dict[str, Any]) -> Any:
        """Take the form; the answer repeats what was understood."""
        if arguments["input_str"] == "redirect":
            return redirect("/tasks/1/", HTTPStatus.SEE_OTHER)
        return flask.jsonify(ProbeSchema().dump(arguments))


@PROBE_BLP.route("/strict/", methods=["POST"])
@PROBE_BLP.arguments(ProbeSchema, location="form")
@PROBE_BLP.response(HTTPStatus.OK, ProbeResultSchema)
def strict(arguments: dict[str, Any]) -> dict[str, Any]:
    """Take a form that says nothing about unknown fields; a function view."""
    return {"the_value": sorted(arguments)}


@PROBE_BLP.route("/upload/")
class UploadView(MethodView):
    """Fields and files in one form."""

    @PROBE_BLP.arguments(ProbeSchema(unknown=EXCLUDE), location="form")
    @PROBE_BLP.arguments(FilesSchema(unknown=EXCLUDE), location="files")
    @PROBE_BLP.response(HTTPStatus.OK, ProbeResultSchema())
    def post(self, form: dict[str, Any], files: dict[str, Any]) -> dict[str, Any]:
        """Take both, in the order of the decorators."""
        content = files["the_file"].read().decode(errors="replace")
        return {"the_value": [form["input_str"], files["the_file"].filename, content]}


@PROBE_BLP.route("/<int:db_id>/json/")
class JsonView(MethodView):
    """A JSON endpoint with two sources of values."""

    @PROBE_BLP.arguments(ProbeResultSchema(), location="json")
    @PROBE_BLP.arguments(ProbeSchema(partial=True), location="query", as_kwargs=True)
    @PROBE_BLP.response(HTTPStatus.OK, ProbeResultSchema())
    def post(self, body: dict[str, Any], db_id: int, **query: Any) -> dict[str, Any]:
        """Answer with what arrived."""
        return {"the_value": [body.get("the_value"), db_id, query.get("input_str")]}


@PROBE_BLP.route("/protected/")
class ProtectedView(MethodView):
    """Only with a token."""

    @PROBE_BLP.response(HTTPStatus.OK)
    @PROBE_BLP.require_jwt("jwt")
    def get(self) -> None:
        """Answer ``null``."""


@PROBE_BLP.route("/refresh/")
class RefreshView(MethodView):
    """Only with a refresh token."""

    @PROBE_BLP.response(HTTPStatus.OK)
    @PROBE_BLP.require_jwt("jwt-refresh-token", refresh_token=True)
    def get(self) -> None:
        """Answer ``null``."""


@PROBE_BLP.route("/empty/")
class EmptyView(MethodView):
    """Tuples as answers."""

    @PROBE_BLP.response(HTTPStatus.NO_CONTENT)
    def get(self) -> tuple[str, int]:
        """Answer with nothing."""
        return "", HTTPStatus.NO_CONTENT


def _raise(error: Exception) -> None:
    raise error


FAILURES: dict[str, Callable[[], Any]] = {
    "abort": lambda: abort(404, message="No such thing."),
    "positional": lambda: abort(404, "text"),
    "flask-abort": lambda: flask.abort(409, "A conflict."),
    "response": lambda: flask.abort(flask.Response("made by hand", 418)),
    "own": lambda: _raise(TaskNotFoundError("There is no task 7.")),
    "own-internal": lambda: _raise(ConfigurationError("The password is hunter2.")),
    "broker": lambda: _raise(BrokerUnavailableError("The broker does not answer.")),
    "internal": lambda: _raise(RuntimeError("a secret")),
    "database": lambda: DB.session.execute(text("select * from no_such_table")),
    "refused": lambda: _raise(DataError("insert", {}, ValueError("too long"))),
    "lost": lambda: _raise(
        DatabaseError("select", {}, ValueError("gone"), connection_invalidated=True)
    ),
}


@PROBE_BLP.route("/fail/")
class FailView(MethodView):
    """Fails in the way that the query names."""

    def get(self) -> Any:
        """Fail."""
        FAILURES[request.args["with"]]()
        return ""


class ApiProbe(QHAnaPluginBase):
    """Probes of the API."""

    name = "api-probe"
    version = "v1.10.0"
    description = "Probes of the API."
    tags = ["probe", "demo"]

    def get_api_blueprint(self) -> SecurityBlueprint:
        """Return the blueprint."""
        return PROBE_BLP

    def get_requirements(self) -> str:
        """Return nothing: nothing is needed."""
        return ""


OLD_BLP = SecurityBlueprint(
    plugin_identifier("api-probe", "v1.9.0"), __name__, description="An older version."
)


@OLD_BLP.route("/")
def old_metadata() -> str:
    """Answer with a text."""
    return "old"


class OldApiProbe(QHAnaPluginBase):
    """The version before; v1.10.0 is newer although it sorts before as a text."""

    name = "api-probe"
    version = "v1.9.0"
    description = "An older version."

    def get_api_blueprint(self) -> SecurityBlueprint:
        """Return the blueprint."""
        return OLD_BLP


NO_ROUTES_BLP = SecurityBlueprint(
    plugin_identifier("api-no-routes", "0.1"), __name__, description="No routes."
)


class NoRoutes(QHAnaPluginBase):
    """A plugin whose requirements are missing: its blueprint stays empty."""

    name = "api-no-routes"
    version = "0.1"
    description = "No routes."

    def get_api_blueprint(self) -> SecurityBlueprint:
        """Return the empty blueprint."""
        return NO_ROUTES_BLP


class NoApi(QHAnaPluginBase):
    """A plugin without API."""

    name = "api-none"
    version = "2"
    description = "No API."
