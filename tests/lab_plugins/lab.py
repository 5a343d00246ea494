# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""A laboratory plugin: one task that sleeps, crashes or writes files on demand.

It is written the way existing plugins are, with nothing that only this runner offers.
"""

from __future__ import annotations

import ctypes
import hashlib
import io
import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import Any

import marshmallow as ma
from celery.canvas import chain
from flask import Flask, redirect, url_for
from flask.views import MethodView
from marshmallow import EXCLUDE

from qhana_plugin_runner.api.plugin_schemas import (
    EntryPoint,
    PluginMetadata,
    PluginMetadataSchema,
    PluginType,
)
from qhana_plugin_runner.api.util import FrontendFormBaseSchema, SecurityBlueprint
from qhana_plugin_runner.celery import CELERY
from qhana_plugin_runner.db.models.tasks import ProcessingTask
from qhana_plugin_runner.requests import open_url
from qhana_plugin_runner.storage import STORE
from qhana_plugin_runner.tasks import save_task_error, save_task_result
from qhana_plugin_runner.util.plugins import QHAnaPluginBase, plugin_identifier

_NAME = "laboratory"
_VERSION = "v1.0.0"
_IDENTIFIER = plugin_identifier(_NAME, _VERSION)

BLP = SecurityBlueprint(_IDENTIFIER, __name__, description="Experiments.")


class LabSchema(FrontendFormBaseSchema):
    """The experiment: a list of operations as JSON."""

    operations = ma.fields.String(required=True)


@BLP.route("/")
class MetadataView(MethodView):
    """The metadata."""

    @BLP.response(HTTPStatus.OK, PluginMetadataSchema)
    @BLP.require_jwt("jwt", optional=True)
    def get(self) -> Any:
        """Get the metadata."""
        return PluginMetadata(
            title="Laboratory",
            description="Experiments.",
            name=_NAME,
            version=_VERSION,
            type=PluginType.processing,
            entry_point=EntryPoint(
                href=url_for(f"{BLP.name}.ProcessView"), ui_href="/", data_input=[]
            ),
        )


@BLP.route("/process/")
class ProcessView(MethodView):
    """The processing endpoint."""

    @BLP.arguments(LabSchema(unknown=EXCLUDE), location="form")
    @BLP.response(HTTPStatus.SEE_OTHER)
    @BLP.require_jwt("jwt", optional=True)
    def post(self, arguments: dict[str, Any]) -> Any:
        """Start the experiment."""
        db_task = ProcessingTask(
            task_name=experiment.name, parameters=arguments["operations"]
        )
        db_task.save(commit=True)
        body = repeatable if "repeatable" in arguments["operations"] else experiment
        task: chain = body.s(db_id=db_task.id) | save_task_result.s(db_id=db_task.id)
        if "chained" in arguments["operations"]:
            task = nothing.si() | body.si(db_id=db_task.id)
            task = task | save_task_result.s(db_id=db_task.id)
        task.link_error(save_task_error.s(db_id=db_task.id))
        task.apply_async()
        db_task.save(commit=True)
        return redirect(
            url_for("tasks-api.TaskView", task_id=str(db_task.id)), HTTPStatus.SEE_OTHER
        )


class Laboratory(QHAnaPluginBase):
    """The plugin."""

    name = _NAME
    version = _VERSION
    tags: list[str] = []

    def __init__(self, app: Flask | None) -> None:
        super().__init__(app)

    def get_api_blueprint(self) -> Any:
        return BLP

    def get_requirements(self) -> str:
        return ""


class OddError(Exception):
    """An error that cannot be pickled."""

    def __init__(self, first: str, second: Any) -> None:
        super().__init__(first)
        self.second = second


@CELERY.task(name=f"{Laboratory.instance.identifier}.nothing")
def nothing() -> None:
    """Do nothing: the first task of a chain."""


@CELERY.task(name=f"{Laboratory.instance.identifier}.experiment", bind=True)
def experiment(self: Any, db_id: int) -> Any:
    """Run the operations of the task one after the other."""
    task = ProcessingTask.get_by_id(id_=db_id)
    assert task is not None
    result: Any = "done"
    for operation in json.loads(task.parameters):
        if operation["op"] == "cooperate":
            return cooperate(self)
        if operation["op"] == "retry" and not self.request.retries:
            raise self.retry(countdown=0.1)
        result = getattr(Operations, operation.pop("op"))(db_id, **operation) or result
    return result


def cooperate(task: Any) -> str:
    """Show progress and work until somebody cancels the task."""
    for count in range(600):
        task.set_progress(count, target=600, unit="rounds")
        if task.is_cancelled():
            break
        time.sleep(0.1)
    return "stopped"


class Operations:
    """What an experiment may do. Each operation gets the task and its own arguments."""

    @staticmethod
    def retry(db_id: int) -> None:
        """Do nothing: this is the second time."""

    @staticmethod
    def chained(db_id: int) -> None:
        """Do nothing: this is the second task of a chain."""

    @staticmethod
    def fetch_in_thread(db_id: int, url: str) -> str:
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(lambda: open_url(url).text).result()

    @staticmethod
    def fetch(db_id: int, url: str) -> str:
        with open_url(url) as response:
            return response.text

    @staticmethod
    def sleep(db_id: int, seconds: float) -> None:
        time.sleep(seconds)

    @staticmethod
    def touch(db_id: int, folder: str) -> None:
        """Leave a line for each execution of the body."""
        with Path(folder, f"ran-{db_id}").open("a") as file:
            file.write(f"{os.getpid()}\n")

    @staticmethod
    def exit(db_id: int, status: int = 3) -> None:
        os._exit(status)

    @staticmethod
    def system_exit(db_id: int) -> None:
        sys.exit(5)

    @staticmethod
    def segfault(db_id: int) -> None:
        ctypes.string_at(0)

    @staticmethod
    def fail(db_id: int, message: str = "broken") -> None:
        raise ValueError(message)

    @staticmethod
    def odd(db_id: int) -> None:
        raise OddError("odd", lambda: None)

    @staticmethod
    def recurse(db_id: int) -> None:
        Operations.recurse(db_id)

    @staticmethod
    def returns(db_id: int, value: Any) -> Any:
        return value

    @staticmethod
    def log(db_id: int, text: str) -> None:
        task = ProcessingTask.get_by_id(id_=db_id)
        assert task is not None
        task.add_task_log_entry(text, commit=True)

    @staticmethod
    def progress(db_id: int, value: float) -> None:
        task = ProcessingTask.get_by_id(id_=db_id)
        assert task is not None
        task.progress_value = value
        task.save(commit=True)

    @staticmethod
    def file(db_id: int, name: str, text: str = "text") -> None:
        with SpooledTemporaryFile(mode="w") as output:
            output.write(text)
            STORE.persist_task_result(db_id, output, name, "text", "text/plain")

    @staticmethod
    def big(db_id: int, megabytes: int) -> None:
        STORE.persist_task_result(
            db_id,
            io.BytesIO(b"x" * (megabytes << 20)),
            "big.bin",
            "big",
            "application/octet-stream",
        )

    @staticmethod
    def stream(db_id: int, megabytes: int) -> None:
        """Store a result that was never in memory, named after its checksum."""
        blocks = [os.urandom(1 << 20) for _ in range(8)]
        checksum = hashlib.sha256()
        for number in range(megabytes):
            checksum.update(blocks[number % 8])

        class Source:
            number = 0

            def read(self, size: int = -1) -> bytes:
                if self.number == megabytes:
                    return b""
                self.number += 1
                return blocks[(self.number - 1) % 8]

        name = f"{checksum.hexdigest()}.bin"
        STORE.persist_task_result(
            *(db_id, Source(), name, "big", "application/octet-stream")
        )

    @staticmethod
    def url(db_id: int) -> str:
        return url_for(f"{BLP.name}.MetadataView", _external=True)


@CELERY.task(
    name=f"{Laboratory.instance.identifier}.repeatable",
    bind=True,
    idempotent=True,
    max_attempts=2,
)
def repeatable(self: Any, db_id: int) -> str:
    """Leave a mark, sleep, and say how often it was started."""
    task = ProcessingTask.get_by_id(id_=db_id)
    assert task is not None
    attempts = task.attempts
    time.sleep(json.loads(task.parameters)[0]["seconds"][attempts - 1])
    return f"started {attempts} times"
