# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""How existing plugins write things: schemas, blueprints, tasks, rows, classes, stores.

A failure here means that plugins outside of this repository break.
"""

from __future__ import annotations

import logging
import warnings
from collections import OrderedDict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from enum import Enum
from pathlib import Path
from typing import Any

import marshmallow as ma
import pytest
from celery import chain
from celery.result import AsyncResult
from flask import Flask, url_for
from flask_jwt_extended import (
    create_access_token,
    get_jwt_identity,
    verify_jwt_in_request,
)

from qhana_plugin_runner import create_app
from qhana_plugin_runner.api import EnumField
from qhana_plugin_runner.api.util import FrontendFormBaseSchema, SecurityBlueprint
from qhana_plugin_runner.celery import CELERY
from qhana_plugin_runner.db import DB
from qhana_plugin_runner.db.cli import create_db_function
from qhana_plugin_runner.db.models.tasks import ProcessingTask
from qhana_plugin_runner.storage import FileStore
from qhana_plugin_runner.tasks import save_task_error, save_task_result
from qhana_plugin_runner.util.plugins import QHAnaPluginBase


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """An app without plugins; a request is open."""
    folder = tmp_path_factory.mktemp("instance")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QHANA_PLUGIN_RUNNER_INSTANCE_FOLDER", str(folder))
        app = create_app(
            {
                "SECRET_KEY": "a key of the tests that is long enough",
                "SQLALCHEMY_DATABASE_URI": "sqlite://",
                "CELERY": {"broker_url": "memory://"},
            },
            silent_log=True,
        )
    with app.test_request_context():
        create_db_function(app)
        yield app


# marshmallow 3, as plugins use it


def test_old_keywords_of_marshmallow_fields():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")

        class Schema(FrontendFormBaseSchema):
            text = ma.fields.String(missing="x", load_missing="y", description="A text.")
            number = ma.fields.Number(default=1, required=False)

    assert Schema().load({}) == {"text": "x"}
    assert Schema().dump({}) == {"number": 1}
    assert Schema().fields["text"].metadata["description"] == "A text."


def test_hooks_of_schemas():
    class Schema(FrontendFormBaseSchema):
        some_text = ma.fields.String(required=True)

        @ma.pre_load
        def strip(self, data: Any, **kwargs: Any) -> Any:
            return {key: value.strip() for key, value in data.items()}

        @ma.validates_schema(pass_original=True)
        def check(self, data: Any, original: Any, **kwargs: Any) -> None:
            assert set(original) == {"someText"}

        @ma.post_load(pass_original=True)
        def make(self, data: Any, original: Any, **kwargs: Any) -> Any:
            return data["some_text"], original["someText"]

    assert Schema().load({"someText": " x "})[0] == "x"


def test_loaded_forms_are_ordered():
    class Schema(FrontendFormBaseSchema):
        second = ma.fields.String()
        first = ma.fields.String()

    loaded = Schema().load({"first": "1", "second": "2"})
    assert isinstance(loaded, OrderedDict)
    assert list(Schema().fields) == ["second", "first"]


def test_fields_of_a_schema_may_be_replaced_after_construction():
    class Schema(FrontendFormBaseSchema):
        choice = ma.fields.String()

    class Choice(Enum):
        a = "A"

    schema = Schema()
    schema.fields = {"choice": EnumField(Choice)}
    assert list(schema.fields["choice"].metadata["options"]) == ["a"]


# blueprints


def test_blueprint_with_and_without_templates():
    for more in ({}, {"template_folder": "templates"}):
        blueprint = SecurityBlueprint("x@v1", __name__, description="text", **more)
        assert (blueprint.name, blueprint.description) == ("x@v1", "text")


def test_blueprint_accepts_the_keywords_of_plugins():
    blueprint = SecurityBlueprint("x@v1", __name__, description="")

    class Schema(FrontendFormBaseSchema):
        text = ma.fields.String()

    @blueprint.route("/", methods=["GET", "POST"])
    @blueprint.html_response(200, description="Micro frontend.", example="<html>")
    @blueprint.arguments(Schema(partial=True), location="query", required=False)
    @blueprint.arguments(Schema, location="form", as_kwargs=True)
    @blueprint.response(200, Schema(), description="text", content_type="text/html")
    @blueprint.require_jwt("jwt", fresh=False, optional=True, refresh_token=False)
    def view(*args: Any, **kwargs: Any) -> str:
        return ""

    assert callable(view)


# Celery, as plugins use it


@pytest.mark.parametrize(
    "options",
    [
        {"ignore_result": True},
        {"autoretry_for": (OSError,), "retry_backoff": True, "max_retries": None},
        {"max_retries": 3, "retry_backoff": 2},
        {},
    ],
)
def test_options_of_tasks(app: Flask, options: dict[str, Any]):
    name = f"public-api@v1.task-{sorted(options)}"

    @CELERY.task(name=name, bind=True, **options)
    def task(self: Any, db_id: int) -> str:
        return self.name

    assert task.name == name
    assert task(db_id=1) == name


def test_task_without_name_is_named_after_its_module(app: Flask):
    @CELERY.task()
    def nameless() -> None:
        """Do nothing."""

    assert nameless.name == f"{__name__}.nameless"


def test_chains_as_plugins_build_them(app: Flask):
    @CELERY.task(name="public-api@v1.first", bind=True)
    def first(self: Any, db_id: int) -> str:
        return ""

    for work in (
        chain(first.s(db_id=1), save_task_result.s(db_id=1)),
        first.s(db_id=1) | save_task_result.s(db_id=1),
        first.si(db_id=1) | save_task_result.s(db_id=1),
        first.s(db_id=1),
    ):
        work.link_error(save_task_error.s(db_id=1))
        result = work.apply_async(expires=60, retry=False, db_id=1, hash="x")
        assert result.id
        result.forget()
    CELERY.AsyncResult("some-id").revoke(terminate=True)


def test_results_are_asked_for_by_their_id_in_every_thread(app: Flask):
    """Servers answer requests in threads, where Celery knows no current application."""
    with ThreadPoolExecutor(1) as threads:
        result = threads.submit(AsyncResult, "some-id").result()
    assert result.app is CELERY


def test_periodic_tasks_are_added_when_celery_is_finalised(app: Flask):
    @CELERY.task(name="public-api@v1.periodic")
    def periodic() -> None:
        """Do nothing."""

    @CELERY.on_after_finalize.connect
    def add(sender: Any, **kwargs: Any) -> None:
        sender.add_periodic_task(30.0, periodic.s(), name="public-api")

    CELERY.on_after_finalize.send(sender=CELERY)
    assert "public-api" in CELERY.conf.beat_schedule


def test_tasks_run_in_a_context_of_their_own(app: Flask):
    @CELERY.task(name="public-api@v1.context", bind=True)
    def task(self: Any) -> tuple[str, int]:
        return url_for("static", filename="forms.css"), id(DB.session())

    url, session = task()
    assert url.endswith("/static/forms.css")
    assert session != id(DB.session())


# rows


def test_row_of_a_new_task(app: Flask):
    task = ProcessingTask(task_name="x", parameters="{}")
    task.save()
    DB.session.flush()
    assert isinstance(task.id, int)
    assert (task.status, task.task_log, task.data) == ("PENDING", "", {})
    assert isinstance(task.data, dict)
    assert (task.is_finished, task.is_ok, task.multi_step) == (False, False, False)
    DB.session.rollback()


# plugins


def test_class_statement_builds_the_instance(caplog: pytest.LogCaptureFixture):
    class Plugin(QHAnaPluginBase):
        name = "public-api"
        version = "v1.2.3"
        description = "text"
        tags = ["a"]

        def __init__(self, app: Flask | None) -> None:
            super().__init__(app)

    plugin = Plugin.instance
    assert isinstance(plugin, Plugin)
    assert plugin.identifier == "public-api@v1-2-3"
    assert str(plugin.parsed_version) == "1.2.3"
    assert QHAnaPluginBase.get_plugins()[plugin.identifier] is plugin
    assert Plugin.has_api is False
    for method in (plugin.get_api_blueprint, plugin.get_requirements):
        with pytest.raises(NotImplementedError):
            method()
    assert [r for r in caplog.records if r.levelno >= logging.ERROR] == []


def test_store_of_a_plugin(app: Flask):
    class Store(FileStore, name="public-api"):
        def __init__(self, app: Flask | None) -> None:
            super().__init__(app)

        def init_app(self, app: Flask) -> None:
            super().init_app(app)

        def get_file_url(self, file_storage_data: str, external: bool = True) -> str:
            return f"http://store/{file_storage_data}"

    try:
        store = Store(app=None)
        store.init_app(app)
        assert store.name == "public-api"
        assert store.app is app
        assert store._get_file_identifier(Path("task_1/out/x")) == "task_1/out/x"
    finally:
        del FileStore.classes["public-api"]


def test_checking_a_token_within_a_view_keeps_its_rows(app: Flask) -> None:
    """Also where all of a test uses one connection."""
    headers = {"Authorization": f"Bearer {create_access_token('alice')}"}
    with app.test_request_context(headers=headers):
        task = ProcessingTask(task_name="before-the-check")
        task.save()
        DB.session.flush()
        verify_jwt_in_request()
        assert get_jwt_identity() == "alice"
        task.save(commit=True)
    DB.session.expire_all()
    assert DB.session.get(ProcessingTask, task.id) is task
