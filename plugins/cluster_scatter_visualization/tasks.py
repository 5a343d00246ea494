# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The work of the plugin: a plot for the preview, a plot for a file."""

from __future__ import annotations

from tempfile import SpooledTemporaryFile
from typing import Any

from celery.utils.log import get_task_logger
from requests.exceptions import RequestException

from qhana_plugin_runner.celery import CELERY
from qhana_plugin_runner.db.models.tasks import ProcessingTask
from qhana_plugin_runner.errors import (
    PluginRequirementsError,
    QHAnaError,
    TaskNotFoundError,
)
from qhana_plugin_runner.plugin_utils.numeric_table import load_numeric_table
from qhana_plugin_runner.plugin_utils.scatter_plot import ScatterPlot
from qhana_plugin_runner.plugin_utils.table_rows import load_table_rows
from qhana_plugin_runner.requests import get_mimetype, open_url
from qhana_plugin_runner.storage import STORE

from . import ClusterScatterVisualization
from .schemas import ScatterParametersSchema

TASK_LOGGER = get_task_logger(__name__)


def load_plot(entities_url: str, clusters_url: str | None) -> ScatterPlot:
    """Read points and their labels.

    Args:
        entities_url: URL of the points.
        clusters_url: URL of the labels, if there are any.

    Raises:
        TableError: if one of the files cannot be used.
        FetchError: if one of the URLs may not be fetched.
        requests.RequestException: if one of the files cannot be fetched.
    """
    with open_url(entities_url, stream=True) as response:
        mimetype = get_mimetype(response) or "application/octet-stream"
        table = load_numeric_table(response, mimetype)
    labels = _load_labels(clusters_url) if clusters_url else {}
    return ScatterPlot(
        title="Clusters" if labels else "Points",
        ids=table.ids,
        columns=table.columns[:2],
        axes=table.attributes[:2],
        labels=[labels.get(id_) for id_ in table.ids] if labels else [],
    )


def _load_labels(url: str) -> dict[str, str]:
    with open_url(url, stream=True) as response:
        mimetype = get_mimetype(response) or "application/octet-stream"
        rows = load_table_rows(response, mimetype, required=["label"])
        return {str(entity["ID"]): str(entity["label"]) for _, entity in rows}


@CELERY.task(
    name=f"{ClusterScatterVisualization.instance.identifier}.preview_task", bind=True
)
def preview_task(
    self: Any, entities_url: str, clusters_url: str | None
) -> dict[str, Any]:
    """Make a plot for the micro frontend.

    Args:
        self: the Celery task.
        entities_url: URL of the points.
        clusters_url: URL of the labels, if there are any.

    Returns:
        The arguments of ``Plotly.newPlot``, or the key ``error`` with a sentence for the
        user.
    """
    try:
        return load_plot(entities_url, clusters_url).to_dict()
    except (QHAnaError, ValueError, RequestException) as error:
        TASK_LOGGER.info("No preview: %r", error)
        return {"error": str(error)}


@CELERY.task(
    name=f"{ClusterScatterVisualization.instance.identifier}.plot_task", bind=True
)
def plot_task(self: Any, db_id: int) -> str:
    """Store a plot as HTML file.

    Args:
        self: the Celery task.
        db_id: the id of the database row that holds the input.

    Returns:
        What is appended to the log of the task.

    Raises:
        PluginRequirementsError: if plotly is not installed.
    """
    TASK_LOGGER.info("Starting scatter plot task with db id %s", db_id)
    task_data = ProcessingTask.get_by_id(id_=db_id)
    if task_data is None:
        raise TaskNotFoundError(f"There is no task with the id {db_id}.")
    parameters = ScatterParametersSchema().loads(task_data.parameters)
    plot = load_plot(parameters["entities_url"], parameters["clusters_url"])
    with SpooledTemporaryFile(mode="w", encoding="utf-8", newline="") as output:
        try:
            plot.write_html(output)
        except ImportError as error:
            raise PluginRequirementsError(
                f"The plugin cluster-scatter-visualization cannot draw: {error}. Run "
                "'flask install'."
            ) from error
        STORE.persist_task_result(db_id, output, "plot.html", "custom/plot", "text/html")
    labels = {label for label in plot.labels if label is not None}
    unlabelled = sum(label is None for label in plot.labels)
    note = f" {unlabelled} points have no label." if unlabelled else ""
    return f"Stored a plot of {len(plot.ids)} points with {len(labels)} labels.{note}"
