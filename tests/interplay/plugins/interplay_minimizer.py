# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""A minimiser for quadratic functions: one Newton step for each weight."""

from __future__ import annotations

from http import HTTPStatus
from tempfile import SpooledTemporaryFile
from urllib.parse import urljoin

import requests
from celery.canvas import chain
from flask import url_for
from flask.views import MethodView
from interplay_objective import (  # the same helpers, as one plugin repository has
    CallbackSchema,
    _steps_changed,
    _task,
    _to_task,
)
from marshmallow import EXCLUDE, fields

from qhana_plugin_runner.api.plugin_schemas import (
    EntryPoint,
    PluginMetadata,
    PluginMetadataSchema,
    PluginType,
)
from qhana_plugin_runner.api.util import FrontendFormBaseSchema, SecurityBlueprint
from qhana_plugin_runner.celery import CELERY
from qhana_plugin_runner.db.models.tasks import ProcessingTask, TaskUpdateSubscription
from qhana_plugin_runner.plugin_utils.entity_marshalling import save_entities
from qhana_plugin_runner.plugin_utils.interop import get_task_result_no_wait
from qhana_plugin_runner.requests import open_url
from qhana_plugin_runner.service_token import auth_for
from qhana_plugin_runner.storage import STORE
from qhana_plugin_runner.tasks import save_task_error, save_task_result
from qhana_plugin_runner.util.plugins import QHAnaPluginBase, plugin_identifier

_NAME, _VERSION = "interplay-minimizer", "v0.1.0"
BLP = SecurityBlueprint(
    plugin_identifier(_NAME, _VERSION), __name__, description="Minimiser."
)


class MinimizeSchema(FrontendFormBaseSchema):
    objective_function = fields.Url(required=True, require_tld=False)


@BLP.route("/")
class MetadataView(MethodView):
    @BLP.response(HTTPStatus.OK, PluginMetadataSchema)
    def get(self):
        return PluginMetadata(
            title="Minimiser",
            description="",
            name=_NAME,
            version=_VERSION,
            type=PluginType.interaction,
            entry_point=EntryPoint(href="./process/", ui_href="./ui/"),
            tags=["minimizer"],
        )


@BLP.route("/process/")
class ProcessView(MethodView):
    @BLP.arguments(CallbackSchema(unknown=EXCLUDE), location="query", required=False)
    @BLP.response(HTTPStatus.SEE_OTHER)
    def post(self, query):
        task = ProcessingTask(task_name=_NAME)
        task.save(commit=True)
        task_href = url_for("tasks-api.TaskView", task_id=str(task.id), _external=True)
        TaskUpdateSubscription(
            task, webhook_href=query["callback"], task_href=task_href
        ).save()
        href = url_for(f"{BLP.name}.MinimizeView", db_id=task.id, _external=True)
        task.add_next_step(href=href, ui_href=href, step_id="minimize", commit=True)
        _steps_changed(task.id)
        return _to_task(task.id)


@BLP.route("/<int:db_id>/minimize/")
class MinimizeView(MethodView):
    @BLP.arguments(MinimizeSchema(unknown=EXCLUDE), location="form")
    @BLP.response(HTTPStatus.SEE_OTHER)
    def post(self, arguments, db_id: int):
        task = _task(db_id)
        task.data["objective"] = arguments["objective_function"]
        task.clear_previous_step(commit=True)
        work: chain = minimize.s(db_id=db_id) | save_task_result.s(db_id=db_id)
        work.link_error(save_task_error.s(db_id=db_id))
        work.apply_async()
        return _to_task(db_id)


class InterplayMinimizer(QHAnaPluginBase):
    name = _NAME
    version = _VERSION
    tags = ["minimizer"]

    def get_api_blueprint(self):
        return BLP


@CELERY.task(name=f"{InterplayMinimizer.instance.identifier}.minimize", bind=True)
def minimize(self, db_id: int) -> str:
    url = _task(db_id).data["objective"]
    status, document = get_task_result_no_wait(url)
    assert status == "PENDING" and document["steps"][-1]["stepId"] == "evaluate"
    links = {link["type"]: urljoin(url, link["href"]) for link in document["links"]}
    count = open_url(links["of-weights"], timeout=10).json()["weights"]

    def loss(weights: list[float]) -> float:
        # A library of its own, as many plugins have.
        target = links["of-evaluate"]
        answer = requests.post(
            target, json={"weights": weights}, auth=auth_for(target), timeout=15
        )
        answer.raise_for_status()
        return answer.json()["loss"]

    weights = [0.0] * count
    at_zero = loss(weights)
    found = []
    for index in range(count):
        beside = [float(i == index) for i in range(count)]
        # (1 - t)^2 - t^2 = 1 - 2t
        found.append((1.0 - (loss(beside) - at_zero)) / 2)
    with SpooledTemporaryFile(mode="w") as output:
        entity = {"ID": "weights", "href": "", "x0": found[0], "x1": found[1]}
        save_entities([entity], output, "application/json")
        STORE.persist_task_result(
            db_id, output, "weights.json", "entity/vector", "application/json"
        )
    return f"loss {loss(found)}"
