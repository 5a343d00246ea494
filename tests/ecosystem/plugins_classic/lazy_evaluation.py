# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Shape: a view that waits for a task, with its result in a blob.

The id of the Celery task is kept in the state of the plugin; the view answers 202 while
the result is missing.
"""

from hashlib import sha256
from http import HTTPStatus
from json import dumps
from time import sleep

import marshmallow as ma
from celery.exceptions import TimeoutError
from celery.result import AsyncResult
from flask import Flask, abort, redirect, send_file, url_for
from flask.globals import current_app
from flask.views import MethodView
from marshmallow import EXCLUDE

from qhana_plugin_runner.api.plugin_schemas import (
    EntryPoint,
    PluginMetadata,
    PluginMetadataSchema,
    PluginType,
)
from qhana_plugin_runner.api.util import (
    FrontendFormBaseSchema,
    MaBaseSchema,
    SecurityBlueprint,
)
from qhana_plugin_runner.celery import CELERY
from qhana_plugin_runner.db.models.virtual_plugins import DataBlob, PluginState
from qhana_plugin_runner.util.plugins import QHAnaPluginBase, plugin_identifier

_plugin_name = "lazy-evaluation"
__version__ = "v0.1.0"
_identifier = plugin_identifier(_plugin_name, __version__)

EVAL_BLP = SecurityBlueprint(_identifier, __name__, description="Waits for tasks.")


class WeightsSchema(MaBaseSchema):
    """The body of an evaluation."""

    weights = ma.fields.List(ma.fields.Float(), required=True)


class LossSchema(MaBaseSchema):
    """The answer of an evaluation."""

    loss = ma.fields.Float(required=True)


class ImageSchema(FrontendFormBaseSchema):
    """The query of an image."""

    data = ma.fields.String(required=True)
    seconds = ma.fields.Float(load_default=0)


class LazyEvaluation(QHAnaPluginBase):
    """The plugin."""

    name = _plugin_name
    version = __version__
    description = "Waits for tasks."
    tags = ["visualization"]

    def __init__(self, app: Flask | None) -> None:
        super().__init__(app)

    def get_api_blueprint(self):
        return EVAL_BLP

    def get_requirements(self) -> str:
        return ""


@EVAL_BLP.route("/")
class PluginsView(MethodView):
    """The metadata."""

    @EVAL_BLP.response(HTTPStatus.OK, PluginMetadataSchema())
    @EVAL_BLP.require_jwt("jwt", optional=True)
    def get(self):
        """Plugin metadata."""
        return PluginMetadata(
            title="Lazy evaluation",
            description=LazyEvaluation.instance.description,
            name=LazyEvaluation.instance.name,
            version=LazyEvaluation.instance.version,
            type=PluginType.visualization,
            entry_point=EntryPoint(
                href=url_for(f"{EVAL_BLP.name}.EvaluateView"),
                ui_href=url_for(f"{EVAL_BLP.name}.ImageView"),
            ),
            tags=LazyEvaluation.instance.tags,
        )


@EVAL_BLP.route("/evaluate/")
class EvaluateView(MethodView):
    """Evaluation inside a request."""

    @EVAL_BLP.arguments(WeightsSchema, location="json")
    @EVAL_BLP.response(HTTPStatus.OK, LossSchema)
    @EVAL_BLP.require_jwt("jwt", optional=True)
    def post(self, arguments):
        """Wait for the loss; both tasks together."""
        first = loss_task.s(weights=arguments["weights"]).apply_async()
        second = loss_task.delay(weights=[])
        try:
            loss = first.get(timeout=5)
            second.get(timeout=5)
        except TimeoutError:
            return redirect(url_for(f"{EVAL_BLP.name}.LossView", task_id=first.id))
        finally:
            second.forget()
        first.forget()
        return {"loss": loss}


@EVAL_BLP.route("/start/")
class StartView(MethodView):
    """A task of which only the id is kept."""

    @EVAL_BLP.arguments(WeightsSchema, location="json")
    @EVAL_BLP.response(HTTPStatus.SEE_OTHER)
    @EVAL_BLP.require_jwt("jwt", optional=True)
    def post(self, arguments):
        """Start an evaluation."""
        result = loss_task.s(weights=arguments["weights"], seconds=0.5).apply_async()
        return redirect(url_for(f"{EVAL_BLP.name}.LossView", task_id=result.id), 303)


@EVAL_BLP.route("/start/<string:task_id>/")
class LossView(MethodView):
    """The result of a task by its id."""

    @EVAL_BLP.response(HTTPStatus.OK, LossSchema)
    @EVAL_BLP.require_jwt("jwt", optional=True)
    def get(self, task_id: str):
        """Return the loss or 204."""
        result: AsyncResult = CELERY.AsyncResult(task_id)
        if not result.ready():
            return "", HTTPStatus.NO_CONTENT
        if result.failed():
            abort(HTTPStatus.INTERNAL_SERVER_ERROR)
        return {"loss": result.result}

    @EVAL_BLP.response(HTTPStatus.NO_CONTENT)
    @EVAL_BLP.require_jwt("jwt", optional=True)
    def delete(self, task_id: str):
        """Revoke the task."""
        CELERY.AsyncResult(task_id).revoke(terminate=True)
        return "", HTTPStatus.NO_CONTENT


@EVAL_BLP.route("/image/")
class ImageView(MethodView):
    """An image that a task makes."""

    @EVAL_BLP.arguments(ImageSchema(unknown=EXCLUDE), location="query")
    @EVAL_BLP.require_jwt("jwt", optional=True)
    def get(self, data):
        """Return the image from the blob, or 202 while it is made."""
        plugin = LazyEvaluation.instance.identifier
        key = sha256(data["data"].encode()).hexdigest()
        image = DataBlob.get_value(plugin, key, None)
        if image is None:
            if not (task_id := PluginState.get_value(plugin, key, None)):
                task_result = image_task.s(**data, hash=key).apply_async(
                    expires=600, db_id=0, hash=key
                )
                PluginState.set_value(plugin, key, task_result.id, commit=True)
            else:
                task_result = CELERY.AsyncResult(task_id)
            try:
                task_result.get(timeout=0.2)
                image = DataBlob.get_value(plugin, key)
            except TimeoutError:
                return "", HTTPStatus.ACCEPTED
        if not image:
            abort(HTTPStatus.BAD_REQUEST, "Invalid data!")
        path = current_app.instance_path + "/" + key
        with open(path, "wb") as file_:
            file_.write(image)
        return send_file(path, mimetype="image/svg+xml")


@EVAL_BLP.route("/broken/")
class BrokenView(MethodView):
    """What a view sees of a task that fails."""

    @EVAL_BLP.response(HTTPStatus.OK)
    @EVAL_BLP.require_jwt("jwt", optional=True)
    def get(self):
        """Return the error of a task."""
        result = failing_task.s().apply_async()
        try:
            result.get(timeout=5)
        except ValueError as err:
            return {"type": "ValueError", "text": str(err), "state": result.state}
        return {}


@CELERY.task(name=f"{LazyEvaluation.instance.identifier}.loss", bind=True)
def loss_task(self, weights: list[float], seconds: float = 0) -> float:
    """Calculate a loss."""
    sleep(seconds)
    return sum(weight**2 for weight in weights)


@CELERY.task()
def failing_task() -> None:
    """A task without name, which fails."""
    raise ValueError("bad weights")


@CELERY.task(
    name=f"{LazyEvaluation.instance.identifier}.image",
    bind=True,
    autoretry_for=(ConnectionError,),
    retry_backoff=True,
    max_retries=3,
)
def image_task(self, data: str, seconds: float, hash: str) -> str:
    """Draw; the blob is committed together with the state."""
    plugin = LazyEvaluation.instance.identifier
    sleep(seconds)
    image = b"" if data == "bad" else f"<svg><!-- {dumps(data)} --></svg>".encode()
    DataBlob.set_value(plugin, hash, image)
    PluginState.delete_value(plugin, hash, commit=True)
    return "Created image!"
