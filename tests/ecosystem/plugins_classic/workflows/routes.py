# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Imported when the blueprint is asked for."""

from http import HTTPStatus

from flask import redirect, url_for
from flask.views import MethodView

from qhana_plugin_runner.api.plugin_schemas import (
    EntryPoint,
    PluginMetadata,
    PluginMetadataSchema,
    PluginType,
)
from qhana_plugin_runner.api.util import SecurityBlueprint
from qhana_plugin_runner.celery import CELERY
from qhana_plugin_runner.db.models.tasks import ProcessingTask
from qhana_plugin_runner.db.models.virtual_plugins import PluginState
from qhana_plugin_runner.tasks import save_task_error, save_task_result

from . import Workflows, _identifier, config

WORKFLOWS_BLP = SecurityBlueprint(_identifier, __name__, description="Runs workflows.")


@WORKFLOWS_BLP.route("/")
class PluginsView(MethodView):
    """The metadata."""

    @WORKFLOWS_BLP.response(HTTPStatus.OK, PluginMetadataSchema())
    @WORKFLOWS_BLP.require_jwt("jwt", optional=True)
    def get(self):
        """Plugin metadata."""
        return PluginMetadata(
            title="Workflows",
            description=Workflows.instance.description,
            name=Workflows.instance.name,
            version=Workflows.instance.version,
            type=PluginType.processing,
            entry_point=EntryPoint(
                href=url_for(f"{WORKFLOWS_BLP.name}.ProcessView"),
                ui_href=Workflows.instance.ui,
            ),
            tags=Workflows.instance.tags,
        )


@WORKFLOWS_BLP.route("/watched/")
class WatchedView(MethodView):
    """How often the periodic task ran."""

    @WORKFLOWS_BLP.response(HTTPStatus.OK)
    def get(self):
        """Return the count."""
        return PluginState.get_value(Workflows.instance.name, "watched", 0)


@WORKFLOWS_BLP.route("/deploy/")
class DeployView(MethodView):
    """Sends to the newest version of the other plugin."""

    @WORKFLOWS_BLP.response(HTTPStatus.SEE_OTHER)
    def get(self):
        """Redirect."""
        return redirect(
            url_for(
                "plugins-api.PluginView", plugin="deploy-workflow@v0-6-0", _external=True
            )
        )


@WORKFLOWS_BLP.route("/process/")
class ProcessView(MethodView):
    """Starts a task whose name is compared later."""

    @WORKFLOWS_BLP.response(HTTPStatus.SEE_OTHER)
    @WORKFLOWS_BLP.require_jwt("jwt", optional=True)
    def post(self):
        """Start a task."""
        db_task = ProcessingTask(
            task_name=run_workflow.name,
            data={"folder": str(config["folder"])},
            progress_value=0,
            progress_target=7,
            progress_unit="elements",
        )
        db_task.save(commit=True)
        work = run_workflow.s(db_id=db_task.id) | save_task_result.s(db_id=db_task.id)
        work.link_error(save_task_error.s(db_id=db_task.id))
        work.apply_async()
        db_task.save(commit=True)
        return redirect(
            url_for("tasks-api.TaskView", task_id=str(db_task.id)), HTTPStatus.SEE_OTHER
        )


@CELERY.task(name=f"{Workflows.instance.identifier}.run_workflow", bind=True)
def run_workflow(self, db_id: int) -> str:
    """Read the configuration that was there while loading."""
    db_task = ProcessingTask.get_by_id(id_=db_id)
    assert db_task.task_name == run_workflow.name
    db_task.progress_value = 3
    db_task.save(commit=True)
    return f"{db_task.data['folder'] == str(config['folder'])} {config['timeout']}"
