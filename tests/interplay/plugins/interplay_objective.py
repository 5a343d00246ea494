# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""An objective function: the squared distance of weights to the values of a target."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import marshmallow as ma
from celery.canvas import chain
from flask import current_app, redirect, url_for
from flask.views import MethodView
from flask_smorest import abort
from marshmallow import EXCLUDE

from qhana_plugin_runner.api.plugin_schemas import (
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
from qhana_plugin_runner.celery import CELERY
from qhana_plugin_runner.db import DB
from qhana_plugin_runner.db.models.tasks import (
    ProcessingTask,
    TaskLink,
    TaskUpdateSubscription,
)
from qhana_plugin_runner.plugin_utils.entity_marshalling import ensure_dict, load_entities
from qhana_plugin_runner.requests import open_url
from qhana_plugin_runner.tasks import (
    TASK_STEPS_CHANGED,
    save_task_error,
    save_task_result,
)
from qhana_plugin_runner.util.plugins import QHAnaPluginBase, plugin_identifier

_NAME, _VERSION = "interplay-objective", "v0.1.0"
BLP = SecurityBlueprint(
    plugin_identifier(_NAME, _VERSION), __name__, description="Objective function."
)


class CallbackSchema(FrontendFormBaseSchema):
    callback = ma.fields.Url(required=False, load_default=None, require_tld=False)


class PassDataSchema(FrontendFormBaseSchema):
    features = FileUrl(required=True, data_input_type="entity/vector")
    target = FileUrl(required=True, data_input_type="entity/vector")


class WeightsSchema(MaBaseSchema):
    weights = ma.fields.List(ma.fields.Float(), required=True)


def _task(db_id: int) -> ProcessingTask:
    task = ProcessingTask.get_by_id(id_=db_id)
    if task is None:
        abort(HTTPStatus.NOT_FOUND, message="Not found.")
    return task


def _href(view: str, db_id: int) -> str:
    return url_for(f"{BLP.name}.{view}", db_id=db_id, _external=True)


def _to_task(db_id: int) -> Any:
    return redirect(
        url_for("tasks-api.TaskView", task_id=str(db_id)), HTTPStatus.SEE_OTHER
    )


def _steps_changed(db_id: int) -> None:
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    TASK_STEPS_CHANGED.send(app, task_id=db_id)


@BLP.route("/")
class MetadataView(MethodView):
    @BLP.response(HTTPStatus.OK, PluginMetadataSchema)
    @BLP.require_jwt("jwt", optional=True)
    def get(self):
        return PluginMetadata(
            title="Objective",
            description="",
            name=_NAME,
            version=_VERSION,
            type=PluginType.interaction,
            entry_point=EntryPoint(
                href=url_for(f"{BLP.name}.ProcessView"), ui_href="./ui/"
            ),
            tags=["objective-function"],
        )


@BLP.route("/process/")
class ProcessView(MethodView):
    @BLP.arguments(CallbackSchema(unknown=EXCLUDE), location="query", required=False)
    @BLP.response(HTTPStatus.SEE_OTHER)
    @BLP.require_jwt("jwt", optional=True)
    def post(self, query):
        task = ProcessingTask(task_name=_NAME)
        task.save(commit=True)
        if query["callback"]:
            TaskUpdateSubscription(
                task,
                webhook_href=query["callback"],
                task_href=url_for(
                    "tasks-api.TaskView", task_id=str(task.id), _external=True
                ),
                event_type=None,
            ).save()
        task.add_next_step(
            href=_href("PassDataView", task.id),
            ui_href=_href("PassDataView", task.id),
            step_id="pass_data",
            commit=True,
        )
        _steps_changed(task.id)
        return _to_task(task.id)


@BLP.route("/<int:db_id>/pass-data/")
class PassDataView(MethodView):
    @BLP.arguments(PassDataSchema(unknown=EXCLUDE), location="form")
    @BLP.response(HTTPStatus.SEE_OTHER)
    @BLP.require_jwt("jwt", optional=True)
    def post(self, arguments, db_id: int):
        task = _task(db_id)
        task.data = {"target": arguments["target"]}
        task.clear_previous_step(commit=True)
        for type_, view in (("of-weights", "WeightsView"), ("of-evaluate", "LossView")):
            DB.session.add(TaskLink(task, type=type_, href=_href(view, db_id)))
        task.add_next_step(
            href=_href("EvaluateView", db_id),
            ui_href=_href("EvaluateView", db_id),
            step_id="evaluate",
            commit=True,
        )
        _steps_changed(db_id)
        return _to_task(db_id)


@BLP.route("/<int:db_id>/weights/")
class WeightsView(MethodView):
    @BLP.response(HTTPStatus.OK)
    def get(self, db_id: int):
        return {"weights": len(read_target(_task(db_id).data["target"]))}


@BLP.route("/<int:db_id>/loss/")
class LossView(MethodView):
    @BLP.arguments(WeightsSchema(), location="json")
    @BLP.response(HTTPStatus.OK)
    def post(self, arguments, db_id: int):
        result = evaluate.s(db_id=db_id, weights=arguments["weights"]).apply_async()
        return {"loss": result.get(timeout=10)}


@BLP.route("/<int:db_id>/evaluate/")
class EvaluateView(MethodView):
    @BLP.response(HTTPStatus.SEE_OTHER)
    @BLP.require_jwt("jwt", optional=True)
    def post(self, db_id: int):
        task = _task(db_id)
        task.clear_previous_step(commit=True)
        _steps_changed(db_id)
        work: chain = clean_up.s(db_id=db_id) | save_task_result.s(db_id=db_id)
        work.link_error(save_task_error.s(db_id=db_id))
        work.apply_async()
        return _to_task(db_id)


class InterplayObjective(QHAnaPluginBase):
    name = _NAME
    version = _VERSION
    tags = ["objective-function"]

    def get_api_blueprint(self):
        return BLP


def read_target(url: str) -> list[float]:
    with open_url(url) as response:
        entities = ensure_dict(
            load_entities(response, mimetype=response.headers["Content-Type"])
        )
        return [float(entity["value"]) for entity in entities]


@CELERY.task(name=f"{InterplayObjective.instance.identifier}.evaluate", bind=True)
def evaluate(self, db_id: int, weights: list[float]) -> float:
    target = read_target(_task(db_id).data["target"])
    return sum((a - b) ** 2 for a, b in zip(weights, target, strict=True))


@CELERY.task(name=f"{InterplayObjective.instance.identifier}.clean_up", bind=True)
def clean_up(self, db_id: int) -> str:
    return "evaluated"
