# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Shape: a single file with a hyphen in its name that turns entities into entities.

Parameters go through ``dumps`` and ``loads`` of the schema of the form; the MIME
type of the input is what the header says, verbatim.
"""

import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from http import HTTPStatus
from tempfile import SpooledTemporaryFile

import marshmallow as ma
from celery.canvas import chain
from celery.utils.log import get_task_logger
from flask import Response, redirect
from flask.app import Flask
from flask.globals import request
from flask.helpers import url_for
from flask.templating import render_template
from flask.views import MethodView
from marshmallow import EXCLUDE, post_load

from qhana_plugin_runner.api import EnumField
from qhana_plugin_runner.api.extra_fields import CSVList
from qhana_plugin_runner.api.plugin_schemas import (
    DataMetadata,
    EntryPoint,
    InputDataMetadata,
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
from qhana_plugin_runner.celery import CELERY
from qhana_plugin_runner.db.models.tasks import ProcessingTask
from qhana_plugin_runner.plugin_utils.entity_marshalling import (
    ensure_dict,
    load_entities,
    save_entities,
)
from qhana_plugin_runner.requests import open_url, retrieve_filename
from qhana_plugin_runner.storage import STORE
from qhana_plugin_runner.tasks import save_task_error, save_task_result
from qhana_plugin_runner.util.plugins import QHAnaPluginBase, plugin_identifier

_plugin_name = "one-hot-encoding"
__version__ = "v0.2.0"
_identifier = plugin_identifier(_plugin_name, __version__)

ONE_HOT_BLP = SecurityBlueprint(
    _identifier, __name__, description="One-hot encoding of attributes."
)

TASK_LOGGER = get_task_logger(__name__)


class FormatEnum(Enum):
    """Two of the names differ from the values, which are labels."""

    csv = "Comma separated"
    json = "JSON"
    lines = "JSON lines"


_MIMETYPES = {
    FormatEnum.csv: "text/csv",
    FormatEnum.json: "application/json",
    FormatEnum.lines: "application/X-lines+json",
}


@dataclass(repr=False)
class InputParameters:
    """What the form gives."""

    entities_url: str
    attributes: list[str]
    output_format: FormatEnum
    scale: float = 1.0

    def __str__(self) -> str:
        return f"{self.entities_url} {self.attributes}"


class TaskResponseSchema(MaBaseSchema):
    """Only documentation: the answer is a redirect."""

    name = ma.fields.String(required=True, allow_none=False, dump_only=True)
    task_id = ma.fields.String(required=True, allow_none=False, dump_only=True)


class InputParametersSchema(FrontendFormBaseSchema):
    """The form, whose load gives an object."""

    entities_url = FileUrl(
        required=True,
        allow_none=False,
        data_input_type="entity/list",
        data_content_types=["application/json", "text/csv", "application/X-lines+json"],
        metadata={"label": "Entities", "description": "URL", "input_type": "text"},
    )
    attributes = CSVList(
        required=True,
        allow_none=False,
        element_type=ma.fields.String,
        metadata={"label": "Attributes", "input_type": "textarea"},
    )
    output_format = EnumField(
        FormatEnum,
        required=True,
        allow_none=False,
        metadata={"label": "Format", "input_type": "select"},
    )
    scale = ma.fields.Float(
        required=False, allow_none=True, missing=1.0, metadata={"label": "Scale"}
    )

    @post_load
    def make_input_params(self, data, **kwargs) -> InputParameters:
        return InputParameters(**data)


class OneHotEncoding(QHAnaPluginBase):
    """The plugin."""

    name = _plugin_name
    version = __version__
    description = "Encodes attributes."
    tags = ["preprocessing", "encoding"]

    def __init__(self, app: Flask | None) -> None:
        super().__init__(app)

    def get_api_blueprint(self):
        return ONE_HOT_BLP

    def get_requirements(self) -> str:
        return "# nothing but the runner\n"


@ONE_HOT_BLP.route("/")
class PluginsView(MethodView):
    """The metadata."""

    @ONE_HOT_BLP.response(HTTPStatus.OK, PluginMetadataSchema())
    @ONE_HOT_BLP.require_jwt("jwt", optional=True)
    def get(self):
        """Plugin metadata."""
        if OneHotEncoding.instance is None:
            raise RuntimeError
        return PluginMetadata(
            title="One-hot encoding",
            description=OneHotEncoding.instance.description,
            name=OneHotEncoding.instance.name,
            version=OneHotEncoding.instance.version,
            type=PluginType.processing,
            entry_point=EntryPoint(
                href=url_for(f"{ONE_HOT_BLP.name}.ProcessView"),
                ui_href=url_for(f"{ONE_HOT_BLP.name}.MicroFrontend"),
                data_input=[
                    InputDataMetadata(
                        data_type="entity/list",
                        content_type=["application/json", "text/csv"],
                        required=True,
                        parameter="entitiesUrl",
                    )
                ],
                data_output=[
                    DataMetadata(
                        data_type="entity/list",
                        content_type=["text/csv", "application/json"],
                        required=True,
                    )
                ],
            ),
            tags=OneHotEncoding.instance.tags,
        )


@ONE_HOT_BLP.route("/ui/")
class MicroFrontend(MethodView):
    """The micro frontend."""

    @ONE_HOT_BLP.html_response(HTTPStatus.OK, description="Micro frontend.")
    @ONE_HOT_BLP.arguments(
        InputParametersSchema(
            partial=True, unknown=EXCLUDE, validate_errors_as_result=True
        ),
        location="query",
        required=False,
    )
    @ONE_HOT_BLP.require_jwt("jwt", optional=True)
    def get(self, errors):
        """Return the micro frontend."""
        return self.render(request.args, errors, False)

    @ONE_HOT_BLP.html_response(HTTPStatus.OK, description="Micro frontend.")
    @ONE_HOT_BLP.arguments(
        InputParametersSchema(
            partial=True, unknown=EXCLUDE, validate_errors_as_result=True
        ),
        location="form",
        required=False,
    )
    @ONE_HOT_BLP.require_jwt("jwt", optional=True)
    def post(self, errors):
        """Return the micro frontend with errors."""
        return self.render(request.form, errors, not errors)

    def render(self, data: Mapping, errors: dict, valid: bool):
        """Render the form."""
        fields = InputParametersSchema().fields
        values = dict(data)
        # plugins prefill by the data key of the form
        values.setdefault(fields["output_format"].data_key, FormatEnum.csv)
        return Response(
            render_template(
                "simple_template.html",
                name=OneHotEncoding.instance.name,
                version=OneHotEncoding.instance.version,
                schema=InputParametersSchema(),
                valid=valid,
                values=values,
                errors=errors,
                process=url_for(f"{ONE_HOT_BLP.name}.ProcessView"),
                help_text="Choose **attributes**.",
                example_values=url_for(
                    f"{ONE_HOT_BLP.name}.MicroFrontend", attributes="color"
                ),
            )
        )


@ONE_HOT_BLP.route("/process/")
class ProcessView(MethodView):
    """The processing endpoint."""

    @ONE_HOT_BLP.arguments(InputParametersSchema(unknown=EXCLUDE), location="form")
    @ONE_HOT_BLP.response(HTTPStatus.OK, TaskResponseSchema())
    @ONE_HOT_BLP.require_jwt("jwt", optional=True)
    def post(self, arguments: InputParameters):
        """Start the task."""
        db_task = ProcessingTask(
            task_name=encoding_task.name,
            parameters=InputParametersSchema().dumps(arguments),
        )
        db_task.save(commit=True)

        task: chain = encoding_task.s(db_id=db_task.id) | save_task_result.s(
            db_id=db_task.id
        )
        task.link_error(save_task_error.s(db_id=db_task.id))
        task.apply_async()

        db_task.save(commit=True)

        return redirect(
            url_for("tasks-api.TaskView", task_id=str(db_task.id)), HTTPStatus.SEE_OTHER
        )


@CELERY.task(name=f"{OneHotEncoding.instance.identifier}.encoding_task", bind=True)
def encoding_task(self, db_id: int) -> str:
    """Encode the attributes."""
    TASK_LOGGER.info(f"Starting new encoding task with db id '{db_id}'")
    task_data: ProcessingTask | None = ProcessingTask.get_by_id(id_=db_id)
    if task_data is None:
        raise KeyError(f"Could not load task data with id {db_id} to read parameters!")
    input_params: InputParameters = InputParametersSchema().loads(task_data.parameters)

    with open_url(input_params.entities_url) as response:
        try:
            mimetype = response.headers["Content-Type"]
        except KeyError:
            mimetype = mimetypes.MimeTypes().guess_type(url=input_params.entities_url)[0]
        file_name = retrieve_filename(response)
        entities = list(ensure_dict(load_entities(response, mimetype=mimetype)))

    columns = {
        attribute: sorted({str(ent[attribute]) for ent in entities})
        for attribute in input_params.attributes
    }
    names = ["ID", "href"]
    names += [f"{a}={value}" for a, values in columns.items() for value in values]

    def encode(entity):
        encoded = {"ID": entity["ID"], "href": entity.get("href", "")}
        for attribute, values in columns.items():
            for value in values:
                hit = str(entity[attribute]) == value
                encoded[f"{attribute}={value}"] = hit * input_params.scale
        return encoded

    with SpooledTemporaryFile(mode="w") as output:
        mimetype = _MIMETYPES[input_params.output_format]
        save_entities(
            (encode(entity) for entity in entities),
            output,
            mimetype,
            attributes=names,
        )
        STORE.persist_task_result(
            db_id,
            output,
            f"encoded_{file_name}.{input_params.output_format.name}",
            "entity/vector",
            mimetype,
        )
    return "Result stored in file"
