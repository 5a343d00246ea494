# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""A coordinator: lets a minimiser work on an objective function, driven by webhooks."""

from __future__ import annotations

import fcntl
from contextlib import contextmanager
from http import HTTPStatus
from json import dumps, loads
from pathlib import Path
from urllib.parse import quote

from celery.canvas import chain
from flask import current_app, url_for
from flask.views import MethodView
from interplay_objective import _task, _to_task
from marshmallow import EXCLUDE, fields

from qhana_plugin_runner.api.plugin_schemas import (
    EntryPoint,
    PluginDependencyMetadata,
    PluginMetadata,
    PluginMetadataSchema,
    PluginType,
    WebhookParamsSchema,
)
from qhana_plugin_runner.api.util import (
    FileUrl,
    FrontendFormBaseSchema,
    PluginUrl,
    SecurityBlueprint,
)
from qhana_plugin_runner.celery import CELERY
from qhana_plugin_runner.db.models.tasks import ProcessingTask
from qhana_plugin_runner.plugin_utils.interop import (
    call_plugin_endpoint,
    get_plugin_endpoint,
    get_task_result_no_wait,
)
from qhana_plugin_runner.storage import STORE
from qhana_plugin_runner.tasks import save_task_error, save_task_result
from qhana_plugin_runner.util.plugins import QHAnaPluginBase, plugin_identifier

_NAME, _VERSION = "interplay-coordinator", "v0.1.0"
BLP = SecurityBlueprint(
    plugin_identifier(_NAME, _VERSION), __name__, description="Coordinator."
)


class CoordinatorSchema(FrontendFormBaseSchema):
    objective = PluginUrl(required=True, plugin_tags=["objective-function"])
    minimizer = PluginUrl(required=True, plugin_tags=["minimizer"])
    features = FileUrl(required=True)
    target = FileUrl(required=True)
    note = fields.String(load_default="")


@BLP.route("/")
class MetadataView(MethodView):
    @BLP.response(HTTPStatus.OK, PluginMetadataSchema)
    def get(self):
        return PluginMetadata(
            title="Coordinator",
            description="",
            name=_NAME,
            version=_VERSION,
            type=PluginType.processing,
            entry_point=EntryPoint(
                href=url_for(f"{BLP.name}.ProcessView"),
                ui_href="./ui/",
                plugin_dependencies=[
                    PluginDependencyMetadata("objective", True, tags=["minimizer"])
                ],
            ),
        )


@BLP.route("/process/")
class ProcessView(MethodView):
    @BLP.arguments(CoordinatorSchema(unknown=EXCLUDE), location="form")
    @BLP.response(HTTPStatus.SEE_OTHER)
    def post(self, arguments):
        task = ProcessingTask(task_name=_NAME, parameters=dumps(arguments))
        task.data = {"heard": []}
        task.save(commit=True)
        start.s(db_id=task.id).apply_async()
        return _to_task(task.id)


@BLP.route("/<int:db_id>/webhook/")
class WebhookView(MethodView):
    @BLP.arguments(WebhookParamsSchema(partial=True), location="query")
    @BLP.response(HTTPStatus.NO_CONTENT)
    def post(self, params, db_id: int):
        advance.s(
            db_id=db_id, source=params["source"], event=params.get("event")
        ).apply_async()
        return "", HTTPStatus.NO_CONTENT


class InterplayCoordinator(QHAnaPluginBase):
    name = _NAME
    version = _VERSION

    def get_api_blueprint(self):
        return BLP


@CELERY.task(name=f"{InterplayCoordinator.instance.identifier}.start", bind=True)
def start(self, db_id: int) -> None:
    task = _task(db_id)
    arguments = loads(task.parameters)
    callback = url_for(f"{BLP.name}.WebhookView", db_id=db_id, _external=True)
    with _lock(db_id):
        for key in ("objective", "minimizer"):
            endpoint = get_plugin_endpoint(arguments[key])
            task.data[key] = call_plugin_endpoint(
                f"{endpoint}?callback={quote(callback)}", data=None
            )
            task.save(commit=True)
    _advance(db_id)


@CELERY.task(name=f"{InterplayCoordinator.instance.identifier}.advance", bind=True)
def advance(self, db_id: int, source: str, event: str | None) -> None:
    with _lock(db_id):
        task = _task(db_id)
        # subscribers compare the source with the URL that they know, as strings
        if source not in (task.data.get("objective"), task.data.get("minimizer")):
            return
        task.data["heard"].append(event)
        task.save(commit=True)
    _advance(db_id)


@contextmanager
def _lock(db_id: int):
    path = Path(current_app.instance_path, f"coordinator-{db_id}.lock")
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _advance(db_id: int) -> None:
    with _lock(db_id):
        task = _task(db_id)
        data, arguments = task.data, loads(task.parameters)
        if "minimizer" not in data or data.get("phase") == "done":
            return
        _status, objective = get_task_result_no_wait(data["objective"])
        status, minimizer = get_task_result_no_wait(data["minimizer"])
        open_step = objective["steps"][-1]
        if open_step["stepId"] == "pass_data" and data.get("phase") is None:
            data["phase"] = "passed"
            task.save(commit=True)
            call_plugin_endpoint(
                open_step["href"],
                {"features": arguments["features"], "target": arguments["target"]},
            )
        elif open_step["stepId"] == "evaluate" and data["phase"] == "passed":
            data["phase"] = "minimizing"
            task.save(commit=True)
            call_plugin_endpoint(
                minimizer["steps"][-1]["href"],
                {"objectiveFunction": data["objective"]},
            )
        elif data["phase"] == "minimizing" and status == "SUCCESS":
            data["phase"] = "done"
            task.save(commit=True)
            call_plugin_endpoint(open_step["href"], None)
            _finish(db_id, minimizer)


def _finish(db_id: int, minimizer: dict) -> None:
    for output in minimizer["outputs"]:
        STORE.persist_task_result(
            db_id,
            output["href"],
            output["name"],
            output["dataType"],
            output["contentType"],
            storage_provider="url_file_store",
        )
    work: chain = done.s(db_id=db_id) | save_task_result.s(db_id=db_id)
    work.link_error(save_task_error.s(db_id=db_id))
    work.apply_async()


@CELERY.task(name=f"{InterplayCoordinator.instance.identifier}.done", bind=True)
def done(self, db_id: int) -> str:
    return "coordinated"
