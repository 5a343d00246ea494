"""What the worker does."""

from __future__ import annotations

from json import loads
from tempfile import SpooledTemporaryFile
from typing import Any

from celery.utils.log import get_task_logger

from qhana_plugin_runner.celery import CELERY
from qhana_plugin_runner.db.models.tasks import ProcessingTask
from qhana_plugin_runner.errors import TaskNotFoundError
from qhana_plugin_runner.storage import STORE

from . import ExamplePlugin
from .schemas import ParametersSchema

TASK_LOGGER = get_task_logger(__name__)


@CELERY.task(name=f"{ExamplePlugin.instance.identifier}.work", bind=True)
def work(self: Any, db_id: int) -> str:
    """Read the input of a task, do the work, store the result.

    Args:
        self: the Celery task.
        db_id: the id of the database row that holds the input.

    Returns:
        What is appended to the log of the task.
    """
    TASK_LOGGER.info("Working on task %s", db_id)
    task = ProcessingTask.get_by_id(id_=db_id)
    if task is None:
        raise TaskNotFoundError(f"There is no task with the id {db_id}.")

    parameters = ParametersSchema().load(loads(task.parameters))
    result = transform(**parameters)
    with SpooledTemporaryFile(mode="w", encoding="utf-8", newline="") as output:
        output.write(result)
        STORE.persist_task_result(
            db_id, output, "result.txt", "custom/text", "text/plain"
        )
    return f"Wrote {len(result)} characters to result.txt."


def transform(text: str) -> str:
    """Return the result. The arguments are the fields of the form."""
    return text.upper()
