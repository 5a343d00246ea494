# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The work of the plugin, before and after the step."""

from __future__ import annotations

from tempfile import SpooledTemporaryFile
from typing import Any

from celery.utils.log import get_task_logger

from qhana_plugin_runner.celery import CELERY
from qhana_plugin_runner.db.models.tasks import ProcessingTask
from qhana_plugin_runner.errors import TaskNotFoundError
from qhana_plugin_runner.storage import STORE

from . import HelloWorldMultiStep
from .schemas import DemoStepParametersSchema, HelloWorldParametersSchema

TASK_LOGGER = get_task_logger(__name__)


def _get_task(db_id: int) -> ProcessingTask:
    task_data = ProcessingTask.get_by_id(id_=db_id)
    if task_data is None:
        raise TaskNotFoundError(f"There is no task with the id {db_id}.")
    return task_data


def _store_text(db_id: int, text: str, file_name: str) -> None:
    with SpooledTemporaryFile(mode="w", encoding="utf-8", newline="") as output:
        output.write(text)
        STORE.persist_task_result(
            db_id, output, file_name, "custom/hello-world-output", "text/plain"
        )


@CELERY.task(
    name=f"{HelloWorldMultiStep.instance.identifier}.preprocessing_task", bind=True
)
def preprocessing_task(self: Any, db_id: int) -> str:
    """Write the first text to ``output1.txt``.

    Args:
        self: the Celery task.
        db_id: the id of the database row that holds the input.

    Returns:
        What is appended to the log of the task.
    """
    TASK_LOGGER.info("Starting preprocessing task with db id %s", db_id)
    task_data = _get_task(db_id)
    parameters = HelloWorldParametersSchema().loads(task_data.parameters)
    text = parameters["input_str"]
    # What a later step needs is kept in the row: workers share nothing else.
    task_data.data["first_text_length"] = len(text)
    task_data.save(commit=True)
    _store_text(db_id, text, "output1.txt")
    return f"result: {'Processed in the preprocessing step: ' + text!r}"


@CELERY.task(name=f"{HelloWorldMultiStep.instance.identifier}.processing_task", bind=True)
def processing_task(self: Any, db_id: int) -> str:
    """Write the second text to ``output2.txt``.

    Args:
        self: the Celery task.
        db_id: the id of the database row that holds the input of the step.

    Returns:
        What is appended to the log of the task.
    """
    TASK_LOGGER.info("Starting processing task with db id %s", db_id)
    task_data = _get_task(db_id)
    parameters = DemoStepParametersSchema().loads(task_data.parameters)
    text = parameters["input_str"]
    _store_text(db_id, text, "output2.txt")
    total = task_data.data["first_text_length"] + len(text)
    return (
        f"result: {'Processed in the processing step: ' + text!r}\n"
        f"{total} characters in both steps."
    )
