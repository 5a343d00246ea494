# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The work of the plugin: a table for the preview, a table for a file."""

from __future__ import annotations

from dataclasses import asdict
from tempfile import SpooledTemporaryFile
from typing import Any

from celery.utils.log import get_task_logger
from flask import current_app
from requests.exceptions import RequestException

from qhana_plugin_runner.celery import CELERY
from qhana_plugin_runner.db.models.tasks import ProcessingTask
from qhana_plugin_runner.errors import QHAnaError, TaskNotFoundError
from qhana_plugin_runner.requests import get_mimetype, open_url, retrieve_filename
from qhana_plugin_runner.storage import STORE

from . import CsvVisualization
from .schemas import TableParametersSchema
from .table import Table, read_table

TASK_LOGGER = get_task_logger(__name__)


def _load_table(url: str, max_rows: int) -> tuple[str, Table]:
    with open_url(url, stream=True) as response:
        mimetype = get_mimetype(response) or "application/octet-stream"
        table = read_table(response, mimetype, max_rows)
        return retrieve_filename(response), table


@CELERY.task(name=f"{CsvVisualization.instance.identifier}.preview_task", bind=True)
def preview_task(self: Any, url: str, max_rows: int) -> dict[str, Any]:
    """Read a table for the micro frontend.

    Args:
        self: the Celery task.
        url: of the file with the entities.
        max_rows: how many rows to read.

    Returns:
        The fields of a :class:`Table`, or the key ``error`` with a sentence for the user.
    """
    try:
        _, table = _load_table(url, max_rows)
    except (QHAnaError, ValueError, RequestException) as error:
        TASK_LOGGER.info("No preview: %r", error)
        return {"error": str(error)}
    return asdict(table)


@CELERY.task(name=f"{CsvVisualization.instance.identifier}.table_task", bind=True)
def table_task(self: Any, db_id: int) -> str:
    """Store a table as HTML file.

    Args:
        self: the Celery task.
        db_id: the id of the database row that holds the input.

    Returns:
        What is appended to the log of the task.
    """
    TASK_LOGGER.info("Starting table task with db id %s", db_id)
    task_data = ProcessingTask.get_by_id(id_=db_id)
    if task_data is None:
        raise TaskNotFoundError(f"There is no task with the id {db_id}.")
    parameters = TableParametersSchema().loads(task_data.parameters)
    title, table = _load_table(parameters["data"], parameters["max_rows"])

    template = current_app.jinja_env.get_template("csv_visualization_table.html")
    with SpooledTemporaryFile(mode="w", encoding="utf-8", newline="") as output:
        # Written piece by piece, so the page is never in memory as a whole.
        for part in template.generate(title=title or "Table", table=table):
            output.write(part)
        STORE.persist_task_result(
            db_id, output, "table.html", "custom/table", "text/html"
        )
    note = " The file has more rows than that." if table.truncated else ""
    return f"Stored a table of {len(table.rows)} rows.{note}"
