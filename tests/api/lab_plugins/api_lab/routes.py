# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The views of the plugin."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from http import HTTPStatus
from typing import Any

import marshmallow as ma
from flask import Response, jsonify, redirect, request, url_for
from flask.views import MethodView
from flask_jwt_extended import current_user, get_jwt_identity
from flask_smorest import abort

from qhana_plugin_runner.api import EnumField
from qhana_plugin_runner.api.extra_fields import CSVList
from qhana_plugin_runner.api.plugin_schemas import (
    ApiLink,
    DataMetadata,
    EntryPoint,
    InputDataMetadata,
    OutputDataMetadata,
    PluginDependencyMetadata,
    PluginMetadata,
    PluginMetadataSchema,
    PluginType,
)
from qhana_plugin_runner.api.util import FileUrl, FrontendFormBaseSchema, MaBaseSchema
from qhana_plugin_runner.errors import QHAnaError

from . import LAB, ApiLab


class Colour(Enum):
    """A choice."""

    red = "Red"
    dark_blue = "Dark blue"


class FormSchema(FrontendFormBaseSchema):
    """A form with fields of several types."""

    input_str = ma.fields.String(required=True, metadata={"label": "Input"})
    num_2d = ma.fields.Integer(required=False, allow_none=True)
    colour = EnumField(Colour, required=False, load_default=Colour.red)
    entity_url = FileUrl(
        required=False,
        data_input_type="entity/list",
        data_content_types=["text/csv", "application/json"],
    )
    numbers = CSVList(required=False, element_type=ma.fields.Integer)


class BodySchema(MaBaseSchema):
    """A JSON body."""

    some_number = ma.fields.Integer(required=True)


class UploadSchema(FrontendFormBaseSchema):
    """A file of the user."""

    some_file = ma.fields.Raw(required=True, metadata={"type": "file"})


@LAB.route("/")
class PluginsView(MethodView):
    """The metadata."""

    @LAB.response(HTTPStatus.OK, PluginMetadataSchema)
    @LAB.require_jwt("jwt", optional=True)
    def get(self) -> PluginMetadata:
        """Get everything that metadata may contain."""
        plugin = ApiLab.instance
        return PluginMetadata(
            title="API lab",
            description=plugin.description,
            name=plugin.name,
            version=plugin.version,
            type=PluginType.conversion,
            entry_point=EntryPoint(
                href=url_for(f"{LAB.name}.{ProcessView.__name__}"),
                ui_href=url_for(f"{LAB.name}.{MicroFrontend.__name__}", _external=True),
                plugin_dependencies=[
                    PluginDependencyMetadata("executor", True, tags=["a", "!b"]),
                    PluginDependencyMetadata(
                        parameter="other",
                        required=False,
                        name="other-plugin",
                        version=">=v1.1.3 <v2.0.0",
                        type=PluginType.processing,
                    ),
                ],
                data_input=[
                    InputDataMetadata(
                        data_type="entity/list",
                        content_type=["text/csv"],
                        required=True,
                        parameter="entityUrl",
                    ),
                    DataMetadata("entity/*", ["application/json"], False),
                ],
                data_output=[
                    OutputDataMetadata("entity/list", ["text/csv"], True, "out.csv"),
                    OutputDataMetadata("entity/list", ["text/csv"], True),
                    DataMetadata("plot", ["text/html"], True),
                ],
            ),
            tags=plugin.tags,
            links=[ApiLink("workflows", "/plugins/api-lab@v1-2-0/links/")],
        )


@LAB.route("/ui/")
class MicroFrontend(MethodView):
    """The errors of the form, as JSON."""

    @LAB.html_response(HTTPStatus.OK, description="The micro frontend.")
    @LAB.arguments(
        FormSchema(partial=True, unknown=ma.EXCLUDE, validate_errors_as_result=True),
        location="query",
        required=False,
    )
    @LAB.require_jwt("jwt", optional=True)
    def get(self, errors: Mapping[str, Any]) -> Response:
        """Get the errors of the query."""
        return jsonify(errors=errors, values=request.args)

    @LAB.html_response(HTTPStatus.OK, description="The micro frontend.")
    @LAB.arguments(
        FormSchema(partial=True, unknown=ma.EXCLUDE, validate_errors_as_result=True),
        location="form",
        required=False,
    )
    @LAB.require_jwt("jwt", optional=True)
    def post(self, errors: Mapping[str, Any]) -> Response:
        """Get the errors of the form."""
        return jsonify(errors=errors, values=request.form)


@LAB.route("/process/")
class ProcessView(MethodView):
    """The values of the form, dumped again."""

    @LAB.arguments(FormSchema(unknown=ma.EXCLUDE), location="form")
    @LAB.response(HTTPStatus.SEE_OTHER)
    @LAB.alt_response(HTTPStatus.OK, schema=FormSchema())
    @LAB.require_jwt("jwt", optional=True)
    def post(self, arguments: Mapping[str, Any]) -> Response:
        """Send the values back instead of starting a task."""
        if arguments["input_str"] == "redirect":
            url = url_for("tasks-api.TaskView", task_id="1")
            return redirect(url, HTTPStatus.SEE_OTHER)
        return Response(FormSchema().dumps(arguments), mimetype="application/json")


@LAB.route("/upload/")
class UploadView(MethodView):
    """A form with a file."""

    @LAB.arguments(FormSchema(unknown=ma.EXCLUDE), location="form")
    @LAB.arguments(UploadSchema(), location="files")
    @LAB.response(HTTPStatus.OK)
    def post(self, form: Mapping[str, Any], files: Mapping[str, Any]) -> Any:
        """Send back what arrived."""
        return {
            "form": form["input_str"],
            "file": files["some_file"].read().decode(errors="replace"),
        }


@LAB.route("/strict-form/", methods=["POST"])
@LAB.arguments(FormSchema(), location="form")
@LAB.response(HTTPStatus.OK, FormSchema())
def strict_form(arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """Refuse unknown fields of a form."""
    return arguments


@LAB.route("/json/<int:number>/", methods=["POST", "PUT"])
@LAB.arguments(BodySchema(), location="json")
@LAB.arguments(BodySchema(partial=True), location="query", as_kwargs=True)
@LAB.response(HTTPStatus.OK)
def json_body(body: Mapping[str, Any], number: int, **query: Any) -> Any:
    """Send back body, query and path."""
    return {"body": body["some_number"], "query": query, "path": number}


@LAB.route("/empty/")
@LAB.response(HTTPStatus.NO_CONTENT)
def empty() -> Any:
    """Answer with a tuple."""
    return "", 204


@LAB.route("/null/")
@LAB.response(HTTPStatus.OK)
def null() -> None:
    """Answer with nothing."""


@LAB.route("/errors/<name>/")
@LAB.response(HTTPStatus.OK)
def fail(name: str) -> Any:
    """Fail in the named way."""
    if name == "abort":
        abort(409, message="Something is in the way.")
    if name == "abort-positional":
        abort(HTTPStatus.CONFLICT, "Something is in the way.")
    if name == "runner-error":
        raise QHAnaError("A secret of the operator.")
    if name == "recursion":
        return fail(name)
    if name == "surrogate":
        abort(400, message="\ud800 is no character")
    raise RuntimeError("A secret of the operator.")


@LAB.route("/token/required/")
@LAB.response(HTTPStatus.OK)
@LAB.require_jwt("jwt")
def with_token() -> Any:
    """Say who the token speaks for."""
    return {"identity": get_jwt_identity(), "user": current_user.username}


@LAB.route("/token/optional/")
@LAB.response(HTTPStatus.OK)
@LAB.require_jwt("jwt", optional=True)
def with_optional_token() -> Any:
    """Say who the token speaks for, if there is one."""
    return {"identity": get_jwt_identity()}


@LAB.route("/token/fresh/")
@LAB.response(HTTPStatus.OK)
@LAB.require_jwt("jwt", fresh=True)
def with_fresh_token() -> Any:
    """Ask for a fresh token."""
    return {"identity": get_jwt_identity()}


@LAB.route("/token/refresh/")
@LAB.response(HTTPStatus.OK)
@LAB.require_jwt("jwt-refresh-token", refresh_token=True)
def with_refresh_token() -> Any:
    """Ask for a refresh token."""
    return {"identity": get_jwt_identity()}
