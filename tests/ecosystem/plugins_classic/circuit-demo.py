# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Shape: plain function views, stacked arguments, keywords, content types."""

from enum import Enum
from http import HTTPStatus
from json import dumps, loads
from tempfile import SpooledTemporaryFile
from typing import ClassVar

import marshmallow as ma
from celery.canvas import chain
from flask import Flask, Response, jsonify, redirect, render_template, request, url_for
from flask_smorest import abort

from qhana_plugin_runner.api.extra_fields import EnumField
from qhana_plugin_runner.api.plugin_schemas import (
    ApiLink,
    DataMetadata,
    EntryPoint,
    PluginDependencyMetadata,
    PluginMetadata,
    PluginMetadataSchema,
    PluginType,
)
from qhana_plugin_runner.api.util import (
    FrontendFormBaseSchema,
    MaBaseSchema,
    PluginUrl,
    SecurityBlueprint,
)
from qhana_plugin_runner.celery import CELERY
from qhana_plugin_runner.db.models.tasks import ProcessingTask
from qhana_plugin_runner.storage import STORE
from qhana_plugin_runner.tasks import save_task_error, save_task_result
from qhana_plugin_runner.util.plugins import QHAnaPluginBase, plugin_identifier

_plugin_name = "circuit-demo"
__version__ = "v1.0.1"
_identifier = plugin_identifier(_plugin_name, __version__)

CIRCUIT_BLP = SecurityBlueprint(_identifier, __name__, description="Bell states.")


class BellState(Enum):
    """Read by value, because other programs send the symbols."""

    PHI = "Φ⁺"
    PSI = "Ψ⁺"


class CircuitSchema(FrontendFormBaseSchema):
    """A form with an optional enum and a plugin URL."""

    state = EnumField(
        BellState,
        use_value=True,
        required=True,
        allow_none=False,
        metadata={"label": "State", "input_type": "select"},
    )
    basis = EnumField(
        BellState,
        allow_none=True,
        metadata={
            "label": "Basis",
            "input_type": "select",
            "options": {"": "(same)", BellState.PHI: "phi basis"},
        },
    )
    executor = PluginUrl(
        required=False,
        allow_none=True,
        plugin_tags=["circuit-executor", "qasm-2"],
        metadata={"label": "Executor"},
    )
    shots = ma.fields.Integer(
        load_default=1024, validate=ma.validate.Range(min=1, max=4096)
    )


class PageSchema(MaBaseSchema):
    """The query of a list."""

    page_size = ma.fields.Integer(load_default=2)


class NoteSchema(MaBaseSchema):
    """A body."""

    class Meta:
        unknown = ma.RAISE

    text = ma.fields.String(required=True)


class CircuitDemo(QHAnaPluginBase):
    """The plugin."""

    name = _plugin_name
    version = __version__
    description = "Circuits of the bell states."
    tags = ["circuit-demo", "demo", "quantum"]
    instance: ClassVar["CircuitDemo"]

    def __init__(self, app: Flask | None) -> None:
        super().__init__(app)

    def get_api_blueprint(self):
        return CIRCUIT_BLP

    def get_requirements(self) -> str:
        return ""


@CIRCUIT_BLP.route("/")
@CIRCUIT_BLP.response(HTTPStatus.OK, PluginMetadataSchema)
@CIRCUIT_BLP.require_jwt("jwt", optional=True)
def metadata():
    """Plugin metadata."""
    return PluginMetadata(
        "Circuit demo",
        CircuitDemo.instance.description,
        CircuitDemo.instance.name,
        CircuitDemo.instance.version,
        PluginType.processing,
        EntryPoint(
            href=url_for(f"{CIRCUIT_BLP.name}.process"),
            ui_href=url_for(f"{CIRCUIT_BLP.name}.micro_frontend", _external=True),
            data_input=[],
            data_output=[DataMetadata("executable/circuit", ["text/x-qasm"], True)],
            plugin_dependencies=[
                PluginDependencyMetadata(
                    parameter="executor",
                    required=True,
                    tags=["circuit-executor", "qasm-2"],
                )
            ],
        ),
        CircuitDemo.instance.tags,
        [ApiLink("circuits", url_for(f"{CIRCUIT_BLP.name}.circuit", name="phi"))],
    )


@CIRCUIT_BLP.route("/ui/", methods=["GET", "POST"])
@CIRCUIT_BLP.html_response(HTTPStatus.OK, description="Micro frontend.")
@CIRCUIT_BLP.arguments(
    CircuitSchema(partial=True, unknown=ma.EXCLUDE, validate_errors_as_result=True),
    location="query",
    required=False,
)
@CIRCUIT_BLP.require_jwt("jwt", optional=True)
def micro_frontend(errors):
    """Return the micro frontend."""
    return render_template(
        "simple_template.html",
        name=_plugin_name,
        version=__version__,
        schema=CircuitSchema(),
        values=request.args,
        errors=errors,
        process=url_for(f"{CIRCUIT_BLP.name}.process"),
    )


@CIRCUIT_BLP.route("/process/", methods=["POST"])
@CIRCUIT_BLP.arguments(CircuitSchema(unknown=ma.EXCLUDE), location="form")
@CIRCUIT_BLP.response(HTTPStatus.SEE_OTHER)
@CIRCUIT_BLP.require_jwt("jwt", optional=True)
def process(arguments):
    """Start the task."""
    parameters = {**arguments, "state": arguments["state"].name}
    parameters["basis"] = getattr(arguments.get("basis"), "name", None)
    db_task = ProcessingTask(task_name=circuit_task.name, parameters=dumps(parameters))
    db_task.save(commit=True)
    task: chain = circuit_task.s(db_id=db_task.id) | save_task_result.s(db_id=db_task.id)
    task.link_error(save_task_error.s(db_id=db_task.id))
    task.apply_async(retry=False)
    db_task.save(commit=True)
    return redirect(url_for("tasks-api.TaskView", task_id=str(db_task.id)), 303)


@CIRCUIT_BLP.route("/circuits/<string:name>/")
@CIRCUIT_BLP.response(HTTPStatus.OK, content_type="text/x-qasm")
@CIRCUIT_BLP.require_jwt("jwt", optional=True)
def circuit(name: str):
    """A circuit as text."""
    if name != "phi":
        abort(HTTPStatus.NOT_FOUND, message="No such circuit.")
    return Response("OPENQASM 2.0;\n", mimetype="text/x-qasm")


@CIRCUIT_BLP.route("/notes/", methods=["POST"])
@CIRCUIT_BLP.arguments(PageSchema, location="query")
@CIRCUIT_BLP.arguments(NoteSchema, location="json")
@CIRCUIT_BLP.response(HTTPStatus.OK)
@CIRCUIT_BLP.require_jwt("jwt", optional=True)
def notes(page, note):
    """Two arguments in the order of the decorators."""
    return {"page": page, "note": note}


@CIRCUIT_BLP.route("/notes/<int:number>/", methods=["DELETE", "PUT"])
@CIRCUIT_BLP.arguments(PageSchema, location="query", as_kwargs=True)
@CIRCUIT_BLP.response(HTTPStatus.NO_CONTENT)
@CIRCUIT_BLP.require_jwt("jwt", optional=True)
def one_note(number: int, page_size: int):
    """Keywords from the URL and from the query; a tuple as answer."""
    if request.method == "PUT":
        return jsonify([number, page_size])
    return "", HTTPStatus.NO_CONTENT


@CELERY.task(name=f"{CircuitDemo.instance.identifier}.circuit_task", bind=True)
def circuit_task(self, db_id: int) -> str:
    """Write the circuit."""
    task = ProcessingTask.get_by_id(db_id)
    parameters = loads(task.parameters or "{}")
    with SpooledTemporaryFile(mode="wt") as output:
        output.write("OPENQASM 2.0;\n")
        output.write(f"// {parameters['state']} {parameters['basis']}\n")
        STORE.persist_task_result(
            task_db_id=db_id,
            file_=output,
            file_name="circuit.qasm",
            file_type="executable/circuit",
            mimetype="text/x-qasm",
        )
    return dumps(parameters, sort_keys=True)
