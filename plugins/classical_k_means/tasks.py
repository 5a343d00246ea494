# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The work of the plugin."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from tempfile import SpooledTemporaryFile
from typing import Any, TextIO

from celery.utils.log import get_task_logger

from qhana_plugin_runner.celery import CELERY
from qhana_plugin_runner.db.models.tasks import ProcessingTask
from qhana_plugin_runner.errors import PluginRequirementsError, TaskNotFoundError
from qhana_plugin_runner.plugin_utils.entity_marshalling import save_entities
from qhana_plugin_runner.plugin_utils.numeric_table import (
    NumericTable,
    load_numeric_table,
)
from qhana_plugin_runner.plugin_utils.scatter_plot import ScatterPlot
from qhana_plugin_runner.requests import get_mimetype, open_url
from qhana_plugin_runner.storage import STORE

from . import ClassicalKMeans
from .schemas import KMeansParametersSchema, OutputFormat

TASK_LOGGER = get_task_logger(__name__)


@CELERY.task(name=f"{ClassicalKMeans.instance.identifier}.calculation_task", bind=True)
def calculation_task(self: Any, db_id: int) -> str:
    """Find clusters of entities.

    Args:
        self: the Celery task.
        db_id: the id of the database row that holds the input.

    Returns:
        What is appended to the log of the task.

    Raises:
        TableError: if the entities cannot be used (see ``load_numeric_table``).
        PluginRequirementsError: if a scientific package is not installed.
    """
    TASK_LOGGER.info("Starting k-means task with db id %s", db_id)
    task_data = ProcessingTask.get_by_id(id_=db_id)
    if task_data is None:
        raise TaskNotFoundError(f"There is no task with the id {db_id}.")
    parameters = KMeansParametersSchema().loads(task_data.parameters)
    try:
        # Late, see the docstring of the package.
        from .clustering import find_clusters
    except ImportError as error:
        raise PluginRequirementsError(
            f"The plugin classical-k-means cannot compute: {error}. Run 'flask install'."
        ) from error

    with open_url(parameters["entities_url"], stream=True) as response:
        mimetype = get_mimetype(response) or "application/octet-stream"
        table = load_numeric_table(response, mimetype, parameters["attributes"])
    labels = find_clusters(table, parameters["clusters"], parameters["seed"])

    _store_labels(db_id, table, labels, parameters["output_format"])
    if len(table.columns) > 1:
        plot = ScatterPlot(
            title=f"{parameters['clusters']} clusters",
            ids=table.ids,
            columns=table.columns[:2],
            axes=table.attributes[:2],
            labels=[f"cluster {label}" for label in labels],
        )
        _store(db_id, plot.write_html, ("plot.html", "custom/plot", "text/html"))
    return _describe(table, labels)


def _store_labels(
    db_id: int, table: NumericTable, labels: list[int], format_: OutputFormat
) -> None:
    entities = (
        {"ID": id_, "href": href, "label": label}
        for id_, href, label in zip(table.ids, table.hrefs, labels, strict=True)
    )
    mimetype = "text/csv" if format_ is OutputFormat.csv else "application/json"
    _store(
        db_id,
        lambda file_: save_entities(
            entities, file_, mimetype, attributes=["ID", "href", "label"]
        ),
        (f"clusters.{format_.name}", "entity/label", mimetype),
    )


def _store(
    db_id: int, write: Callable[[TextIO], Any], description: tuple[str, str, str]
) -> None:
    """Store what ``write`` writes, as (file name, data type, content type)."""
    with SpooledTemporaryFile(mode="w", encoding="utf-8", newline="") as output:
        write(output)
        STORE.persist_task_result(db_id, output, *description)


def _describe(table: NumericTable, labels: list[int]) -> str:
    sizes = Counter(labels)
    text = ", ".join(f"{label}: {sizes[label]}" for label in sorted(sizes)[:20])
    lines = [f"Found {len(sizes)} clusters of {len(table)} entities (sizes {text})."]
    if table.left_out:
        lines.append(f"Left out (no numbers): {', '.join(table.left_out)}.")
    return "\n".join(lines)
