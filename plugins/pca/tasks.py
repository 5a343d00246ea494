# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The work of the plugin."""

from __future__ import annotations

import json
from collections.abc import Callable
from tempfile import SpooledTemporaryFile
from typing import Any, TextIO

from celery.utils.log import get_task_logger

from qhana_plugin_runner.celery import CELERY
from qhana_plugin_runner.db.models.tasks import ProcessingTask
from qhana_plugin_runner.errors import PluginRequirementsError, TaskNotFoundError
from qhana_plugin_runner.plugin_utils.entity_marshalling import (
    ArrayEntity,
    array_to_entity,
    save_entities,
)
from qhana_plugin_runner.plugin_utils.numeric_table import (
    NumericTable,
    load_numeric_table,
)
from qhana_plugin_runner.plugin_utils.scatter_plot import ScatterPlot
from qhana_plugin_runner.requests import get_mimetype, open_url
from qhana_plugin_runner.storage import STORE

from . import PCAPlugin
from .schemas import OutputFormat, PCAParametersSchema

TASK_LOGGER = get_task_logger(__name__)


@CELERY.task(name=f"{PCAPlugin.instance.identifier}.calculation_task", bind=True)
def calculation_task(self: Any, db_id: int) -> str:
    """Reduce the dimensions of entities.

    Args:
        self: the Celery task.
        db_id: the id of the database row that holds the input.

    Returns:
        What is appended to the log of the task.

    Raises:
        TableError: if the entities cannot be used (see ``load_numeric_table``).
        PluginRequirementsError: if a scientific package is not installed.
    """
    TASK_LOGGER.info("Starting PCA task with db id %s", db_id)
    task_data = ProcessingTask.get_by_id(id_=db_id)
    if task_data is None:
        raise TaskNotFoundError(f"There is no task with the id {db_id}.")
    parameters = PCAParametersSchema().loads(task_data.parameters)
    try:
        # Late, see the docstring of the package.
        from .analysis import reduce_dimensions
    except ImportError as error:
        raise PluginRequirementsError(
            f"The plugin pca cannot compute: {error}. Run 'flask install'."
        ) from error

    table = _load(parameters["entities_url"], parameters["attributes"])
    result = reduce_dimensions(table, parameters["dimensions"], parameters["scaling"])
    names = _store_points(db_id, table, result.points, parameters["output_format"])

    metadata = {
        "ID": "pca-metadata",
        "attributes": table.attributes,
        "dimensions": names,
        "scaling": parameters["scaling"].name,
        "explainedVarianceRatio": result.explained,
        "components": result.components,
        "means": result.means,
    }
    _store(
        db_id,
        lambda file_: json.dump(metadata, file_),
        ("pca-metadata.json", "custom/pca-metadata", "application/json"),
    )
    plot = ScatterPlot(
        title="Principal components",
        ids=table.ids,
        columns=list(zip(*result.points, strict=True))[:2],
        axes=[
            f"{name} ({share:.1%} of the variance)"
            for name, share in zip(names, result.explained, strict=True)
        ],
    )
    _store(db_id, plot.write_html, ("plot.html", "custom/plot", "text/html"))
    return _describe(table, names, result.explained)


def _load(url: str, attributes: list[str]) -> NumericTable:
    with open_url(url, stream=True) as response:
        mimetype = get_mimetype(response) or "application/octet-stream"
        return load_numeric_table(response, mimetype, attributes)


def _store_points(
    db_id: int, table: NumericTable, points: list[list[float]], format_: OutputFormat
) -> list[str]:
    """Store the new entities; returns the names of their dimensions."""
    entities = list(
        array_to_entity(
            ArrayEntity(id_, href, values)
            for id_, href, values in zip(table.ids, table.hrefs, points, strict=True)
        )
    )
    attributes = list(type(entities[0]).entity_attributes)
    is_csv = format_ is OutputFormat.csv
    mimetype = "text/csv" if is_csv else "application/json"
    _store(
        db_id,
        lambda file_: save_entities(entities, file_, mimetype, attributes=attributes),
        (f"pca.{format_.name}", "entity/vector", mimetype),
    )
    return attributes[2:]


def _store(
    db_id: int, write: Callable[[TextIO], Any], description: tuple[str, str, str]
) -> None:
    """Store what ``write`` writes, as (file name, data type, content type)."""
    with SpooledTemporaryFile(mode="w", encoding="utf-8", newline="") as output:
        write(output)
        STORE.persist_task_result(db_id, output, *description)


def _describe(table: NumericTable, names: list[str], explained: list[float]) -> str:
    shares = ", ".join(
        f"{name} {share:.2%}"
        for name, share in zip(names[:10], explained[:10], strict=True)
    )
    lines = [
        f"Reduced {len(table)} entities from {len(table.attributes)} to {len(names)} "
        "dimensions.",
        f"Explained variance: {shares}; together {sum(explained):.2%}.",
    ]
    if table.left_out:
        lines.append(f"Left out (no numbers): {', '.join(table.left_out)}.")
    return "\n".join(lines)
