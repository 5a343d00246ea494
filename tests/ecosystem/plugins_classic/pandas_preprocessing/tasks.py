# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The work of the steps."""

from tempfile import SpooledTemporaryFile

from celery.utils.log import get_task_logger

from qhana_plugin_runner.celery import CELERY
from qhana_plugin_runner.db.models.tasks import ProcessingTask
from qhana_plugin_runner.requests import open_url_as_file_like_simple
from qhana_plugin_runner.storage import STORE

from . import PandasPreprocessing
from .schemas import PreprocessingEnum, SecondInputParametersSchema

TASK_LOGGER = get_task_logger(__name__)


@CELERY.task(name=f"{PandasPreprocessing.instance.identifier}.first_task", bind=True)
def first_task(self, db_id: int) -> str:
    """Read the file."""
    db_task = ProcessingTask.get_by_id(id_=db_id)
    with open_url_as_file_like_simple(db_task.data["file_url"]) as file_:
        db_task.data["lines"] = file_.read().decode().splitlines()
    db_task.save(commit=True)
    return "read"


@CELERY.task(
    name=f"{PandasPreprocessing.instance.identifier}.preprocessing_task", bind=True
)
def preprocessing_task(self, db_id: int, step_id: int) -> str:
    """Do what the step says."""
    db_task = ProcessingTask.get_by_id(id_=db_id)
    parameters = SecondInputParametersSchema().loads(db_task.parameters or "{}")
    option = parameters["preprocessing_enum"]
    if option == PreprocessingEnum.fail:
        raise ValueError("as the user wished")

    # nested changes without an assignment to the column
    history = db_task.data["history"]
    history.append([step_id, option.name, parameters.get("n_rows")])
    if option == PreprocessingEnum.sort_values:
        db_task.data["lines"].sort()
    db_task.save(commit=True)

    if option == PreprocessingEnum.do_nothing:
        with SpooledTemporaryFile(mode="w") as output:
            output.write("\n".join(db_task.data["lines"]))
            STORE.persist_task_result(db_id, output, "out.csv", "csv", "text/csv")
        return f"result of {len(history)} steps"
    return "not shown"
