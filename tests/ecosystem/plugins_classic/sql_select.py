# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Shape: queries on the models of the runner, and a database of its own."""

from http import HTTPStatus

from flask import Blueprint, Flask, url_for
from flask.views import MethodView
from sqlalchemy import create_engine, func
from sqlalchemy.sql import select, text

from qhana_plugin_runner.api.plugin_schemas import (
    EntryPoint,
    PluginMetadata,
    PluginMetadataSchema,
    PluginType,
)
from qhana_plugin_runner.api.util import SecurityBlueprint
from qhana_plugin_runner.db import DB
from qhana_plugin_runner.db.models.tasks import (
    ProcessingTask,
    TaskLink,
    TaskUpdateSubscription,
)
from qhana_plugin_runner.util.plugins import QHAnaPluginBase, plugin_identifier

_plugin_name = "sql-select"
__version__ = "0.1.0"
_identifier = plugin_identifier(_plugin_name, __version__)

SQL_BLP = SecurityBlueprint(_identifier, __name__, description="Queries.")


class SqlSelect(QHAnaPluginBase):
    """The plugin."""

    name = _plugin_name
    version = __version__
    description = "Queries."

    def __init__(self, app: Flask | None) -> None:
        super().__init__(app)

    def get_api_blueprint(self) -> Blueprint:
        return SQL_BLP

    def get_requirements(self) -> str:
        return ""


@SQL_BLP.route("/")
class PluginsView(MethodView):
    """The metadata, with an absolute entry point."""

    @SQL_BLP.response(HTTPStatus.OK, PluginMetadataSchema())
    def get(self):
        """Plugin metadata."""
        return PluginMetadata(
            title="SQL",
            description=SqlSelect.instance.description,
            name=SqlSelect.instance.name,
            version=SqlSelect.instance.version,
            type=PluginType.dataloader,
            entry_point=EntryPoint(
                href=url_for(f"{SQL_BLP.name}.RowsView", _external=True), ui_href="/none/"
            ),
            tags=SqlSelect.instance.tags,
        )


@SQL_BLP.route("/rows/")
class RowsView(MethodView):
    """Rows of the runner's tables, made and read."""

    @SQL_BLP.response(HTTPStatus.OK)
    def get(self):
        """Return what queries give."""
        task = ProcessingTask("sql", parameters="{}")
        task.save()
        DB.session.flush()
        link = TaskLink(task, type="of-weights", href="https://example.org/w")
        DB.session.add(link)
        DB.session.add(
            TaskUpdateSubscription(
                task,
                webhook_href="https://example.org/hook",
                task_href=url_for("tasks-api.TaskView", task_id=task.id, _external=True),
                event_type="status",
            )
        )
        DB.session.commit()
        query = select(TaskLink).filter_by(task_id=task.id, type="of-weights")
        found = DB.session.execute(query).scalar_one()
        count = DB.session.execute(
            select(func.count())
            .select_from(ProcessingTask)
            .where(ProcessingTask.id == task.id, ProcessingTask.finished_at.is_(None))
        ).scalar_one()
        with create_engine("sqlite://").connect() as connection:
            own = connection.execute(text("select 40 + 2")).scalar_one()
        return {"href": found.href, "count": count, "own": own, "status": task.status}
