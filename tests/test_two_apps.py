# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Two apps in one process do not touch each other, whatever else is built beside them.

Each has plugin folders, a database, a file store and a broker of its own; one plugin is
loaded by both.
"""

from __future__ import annotations

import gc
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from celery.contrib.testing.worker import start_worker
from flask import Flask
from flask.testing import FlaskClient
from flask_jwt_extended import create_access_token, decode_token
from jwt import InvalidSignatureError

from qhana_plugin_runner import create_app
from qhana_plugin_runner.celery import CELERY
from qhana_plugin_runner.db import DB
from qhana_plugin_runner.db.cli import create_db_function
from qhana_plugin_runner.db.models.tasks import ProcessingTask, TaskFile
from qhana_plugin_runner.db.models.virtual_plugins import PluginState, VirtualPlugin
from qhana_plugin_runner.db.models.webhook_deliveries import WebhookDelivery
from qhana_plugin_runner.plugin_loader import get_load_report
from qhana_plugin_runner.signals import TASK_STATUS_CHANGED
from qhana_plugin_runner.storage import STORE
from qhana_plugin_runner.util.plugins import QHAnaPluginBase

OWN = ("two-apps-first@v1", "two-apps-second@v1")

PLUGIN = """
from flask import current_app
from qhana_plugin_runner.api.util import SecurityBlueprint, redirect_to_task
from qhana_plugin_runner.celery import CELERY
from qhana_plugin_runner.storage import STORE
from qhana_plugin_runner.tasks import start_task
from qhana_plugin_runner.util.plugins import QHAnaPluginBase


class Plugin(QHAnaPluginBase):
    name = "{name}"
    version = "v1"

    def get_api_blueprint(self):
        return BLP


BLP = SecurityBlueprint(Plugin.instance.identifier, __name__, description="")


@BLP.route("/")
def root():
    own = Plugin.instance.app is current_app._get_current_object()
    return {{"app": current_app.config["LABEL"], "own": own}}


@BLP.route("/process/", methods=["POST"])
def process():
    return redirect_to_task(start_task(task.s()))


@CELERY.task(name=f"{{Plugin.instance.identifier}}.task", bind=True)
def task(self, db_id):
    label = current_app.config["LABEL"]
    STORE.persist_task_result(db_id, label, "label.txt", "text", "text/plain")
    return "ran in " + label
"""


@dataclass
class Runner:
    """An app and where it keeps its things."""

    app: Flask
    folder: Path

    @property
    def client(self) -> FlaskClient:
        return self.app.test_client()

    @property
    def plugins(self) -> list[str]:
        listed = self.client.get("/plugins/").get_json()["plugins"]
        return [plugin["identifier"] for plugin in listed]

    @property
    def messages(self) -> list[str]:
        """The names of the tasks that wait in the broker, oldest first."""
        queues = self.folder / "celery" / "broker" / "queues"
        files = sorted(path for path in queues.rglob("*") if path.is_file())
        return [json.loads(path.read_bytes())["headers"]["task"] for path in files]

    @property
    def files(self) -> list[str]:
        return sorted(p.name for p in (self.folder / "files").rglob("*") if p.is_file())

    def submit(self, plugin: str = "two-apps-both@v1") -> str:
        answer = self.client.post(f"/plugins/{plugin}/process/")
        assert answer.status_code == 303
        return answer.location

    def task(self, path: str) -> dict[str, Any]:
        return self.client.get(path).get_json()


Build = Callable[..., Runner]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Plugin folders with one plugin each."""
    paths = {}
    for name in ("first", "second", "both"):
        folder = tmp_path_factory.mktemp(f"plugins-{name}")
        source = dedent(PLUGIN.format(name=f"two-apps-{name}"))
        (folder / f"two_apps_{name}.py").write_text(source, encoding="utf-8")
        paths[name] = str(folder)
    return paths


@pytest.fixture
def build(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Build:
    """Build an app with an instance folder of its own and the embedded broker."""

    def build_(label: str, *plugin_folders: str, **settings: Any) -> Runner:
        folder = tmp_path_factory.mktemp(label)
        monkeypatch.setenv("QHANA_PLUGIN_RUNNER_INSTANCE_FOLDER", str(folder))
        config = {
            "LABEL": label,
            "SECRET_KEY": f"the key of {label}, which is long enough",
            "SQLALCHEMY_DATABASE_URI": f"sqlite:///{folder / 'runner.db'}",
            "PLUGIN_FOLDERS": list(plugin_folders),
            **settings,
        }
        app = create_app(config, silent_log=True)
        with app.app_context():
            create_db_function(app)
        return Runner(app, folder)

    return build_


@pytest.fixture
def pair(build: Build, folders: dict[str, str]) -> Iterator[tuple[Runner, Runner]]:
    """Two apps; the second one is the newest."""
    first = build("first", folders["first"], folders["both"])
    second = build("second", folders["second"], folders["both"])
    yield first, second
    for runner in (first, second):
        with runner.app.app_context():
            DB.session.remove()
            DB.engine.dispose()


def test_each_lists_the_plugins_of_its_own_folders(pair: tuple[Runner, Runner]):
    first, second = pair
    assert first.plugins == ["two-apps-both@v1", "two-apps-first@v1"]
    assert second.plugins == ["two-apps-both@v1", "two-apps-second@v1"]
    assert first.client.get("/plugins/two-apps-second@v1/").status_code == 404
    assert second.client.get("/plugins/two-apps-first/").status_code == 404


def test_each_has_its_own_load_report(pair: tuple[Runner, Runner]):
    for runner, own in zip(pair, OWN, strict=True):
        with runner.app.app_context():
            assert sorted(get_load_report().plugins) == sorted(["two-apps-both@v1", own])


def test_each_documents_its_own_routes(pair: tuple[Runner, Runner]):
    paths = [r.client.get("/api-spec.json").get_json()["paths"] for r in pair]
    assert "/plugins/two-apps-first@v1/" in paths[0]
    assert "/plugins/two-apps-first@v1/" not in paths[1]
    assert "/plugins/two-apps-both@v1/" in paths[1]


def test_one_plugin_answers_in_the_app_that_was_asked(pair: tuple[Runner, Runner]):
    for runner, label in zip(pair, ("first", "second"), strict=True):
        answer = runner.client.get("/plugins/two-apps-both@v1/").get_json()
        assert answer == {"app": label, "own": True}


def test_has_api_stays_true_for_plugins_of_both(pair: tuple[Runner, Runner]):
    plugins = QHAnaPluginBase.get_plugins()
    for name in ("first", "second", "both"):
        assert plugins[f"two-apps-{name}@v1"].has_api is True


def test_rows_stay_in_their_database(pair: tuple[Runner, Runner]):
    first, second = pair
    with first.app.app_context():
        ProcessingTask(task_name="x").save(commit=True)
        PluginState.set_value("two-apps-both", "key", "first", commit=True)
        DB.session.add(
            VirtualPlugin("two-apps-both", "virtual", "1", "", "", "http://x/")
        )
        DB.session.commit()
    with second.app.app_context():
        assert ProcessingTask.get_by_id(1) is None
        assert PluginState.get_value("two-apps-both", "key", None) is None
    assert "virtual@1" in first.plugins
    assert "virtual@1" not in second.plugins
    assert second.client.get("/tasks/1/").status_code == 404


def test_sessions_of_nested_contexts_are_different(pair: tuple[Runner, Runner]):
    first, second = pair
    with first.app.app_context():
        task = ProcessingTask(task_name="outer")
        task.save()
        with second.app.app_context():
            ProcessingTask(task_name="inner").save(commit=True)
        DB.session.commit()
        assert ProcessingTask.get_by_id(task.id).task_name == "outer"


def test_files_stay_in_their_store(pair: tuple[Runner, Runner]):
    first, second = pair
    urls = []
    for runner in pair:
        with runner.app.test_request_context():
            task = ProcessingTask(task_name="x")
            task.save(commit=True)
            label = runner.app.config["LABEL"]
            file = STORE.persist_task_result(
                task.id, label, f"{label}.txt", "text", "text/plain"
            )
            urls.append(STORE.get_task_file_url(file))
    assert (first.files, second.files) == (["first.txt"], ["second.txt"])
    assert first.client.get(urls[0]).data == b"first"
    assert second.client.get(urls[1]).data == b"second"
    assert first.client.get(urls[1]).status_code == 404


def test_messages_go_to_the_broker_of_the_app(pair: tuple[Runner, Runner]):
    first, second = pair
    first.submit()
    assert (first.messages, second.messages) == (["two-apps-both@v1.task"], [])
    second.submit("two-apps-second@v1")
    first.submit("two-apps-first@v1")
    assert first.messages == ["two-apps-both@v1.task", "two-apps-first@v1.task"]
    assert second.messages == ["two-apps-second@v1.task"]


def test_alternating_messages_stay_apart(pair: tuple[Runner, Runner]):
    for _ in range(5):
        for runner in pair:
            runner.submit()
    assert [len(runner.messages) for runner in pair] == [5, 5]


def test_a_queue_of_one_is_no_queue_of_the_other(build: Build, folders: dict[str, str]):
    first = build("first", folders["both"], CELERY={"task_default_queue": "one"})
    second = build("second", folders["both"], CELERY={"task_default_queue": "two"})
    for runner, queue in ((first, "one"), (second, "two")):
        runner.submit()
        with runner.app.app_context():
            assert CELERY.conf.task_default_queue == queue
        names = (runner.folder / "celery" / "broker" / "queues").iterdir()
        assert [path.name for path in names] == [f"_{queue}"]


def test_a_task_that_is_called_runs_in_the_current_app(pair: tuple[Runner, Runner]):
    task = CELERY.tasks["two-apps-both@v1.task"]
    for runner in pair:
        path = runner.submit()
        with runner.app.app_context():
            db_id = int(path.strip("/").rpartition("/")[2])
            assert task(db_id=db_id) == f"ran in {runner.app.config['LABEL']}"
        assert runner.files == ["label.txt"]
    with pair[0].app.app_context():
        (file,) = DB.session.execute(DB.select(TaskFile)).scalars()
        with STORE.open(file) as content:
            assert content.read() == b"first"


def test_a_worker_takes_the_messages_of_one_app_only(pair: tuple[Runner, Runner]):
    first, second = pair
    paths = first.submit(), second.submit()
    with (
        second.app.app_context(),
        start_worker(CELERY, pool="solo", perform_ping_check=False) as worker,
    ):
        wait_until(lambda: second.task(paths[1])["status"] != "PENDING")
        assert worker is not None
    document = second.task(paths[1])
    assert (document["status"], document["log"]) == ("SUCCESS", "ran in second")
    assert second.client.get(document["outputs"][0]["href"]).data == b"second"
    assert first.task(paths[0])["state"] == "queued"
    assert first.messages == ["two-apps-both@v1.task"]
    assert first.files == []


def test_results_are_asked_from_the_backend_of_the_app(pair: tuple[Runner, Runner]):
    backends = []
    for runner in pair:
        with runner.app.app_context():
            CELERY.backend.store_result("some-id", runner.app.config["LABEL"], "SUCCESS")
            backends.append(CELERY.backend)
    assert backends[0] is not backends[1]
    for runner in pair:
        with runner.app.app_context():
            label = runner.app.config["LABEL"]
            assert CELERY.AsyncResult("some-id").get(timeout=1) == label


def test_signals_reach_the_listeners_of_one_app(pair: tuple[Runner, Runner]):
    first, second = pair
    for runner in pair:
        path = runner.submit()
        body = {"command": "subscribe", "webhookHref": "http://localhost:9/hook"}
        assert runner.client.post(path, json=body).status_code == 200
    with first.app.app_context():
        TASK_STATUS_CHANGED.send(first.app, task_id=1)
    counts = []
    for runner in pair:
        with runner.app.app_context():
            statement = DB.select(DB.func.count()).select_from(WebhookDelivery)
            counts.append(DB.session.execute(statement).scalar_one())
    assert counts == [1, 0]


def test_tokens_of_one_are_not_accepted_by_the_other(pair: tuple[Runner, Runner]):
    first, second = pair
    with first.app.app_context():
        token = create_access_token("somebody")
        assert decode_token(token)["sub"] == "somebody"
    with second.app.app_context(), pytest.raises(InvalidSignatureError):
        decode_token(token)


def test_ten_more_apps_change_nothing(
    pair: tuple[Runner, Runner], build: Build, folders: dict[str, str]
):
    first, second = pair
    before = snapshot(first)
    path = first.submit()
    more = [
        build(f"more-{number}", folders["second"], CELERY={"task_default_queue": "q"})
        for number in range(10)
    ]
    assert snapshot(first) == before
    assert first.task(path)["state"] == "queued"
    first.submit("two-apps-first@v1")
    assert first.messages == ["two-apps-both@v1.task", "two-apps-first@v1.task"]
    assert second.messages == []
    assert [runner.messages for runner in more] == [[]] * 10
    more[-1].submit("two-apps-second@v1")
    assert len(first.messages) == 2
    del more
    gc.collect()
    assert snapshot(first) == before


def snapshot(runner: Runner) -> dict[str, Any]:
    """What an app says and how it is set up."""
    app = runner.app
    with app.app_context():
        celery = dict(CELERY.conf.table())
        stores = sorted(STORE.state.stores)
    return {
        "config": dict(app.config),
        "plugins": runner.client.get("/plugins/").data,
        "document": runner.client.get("/api-spec.json").data,
        "routes": sorted(map(str, app.url_map.iter_rules())),
        "plugin": runner.client.get("/plugins/two-apps-both@v1/").data,
        "celery": celery,
        "stores": stores,
        "listeners": {
            name: list(hooks) for name, hooks in app.after_request_funcs.items()
        },
        "page": runner.client.get("/", headers={"Accept": "text/html"}).data,
    }


def wait_until(condition: Callable[[], bool], seconds: float = 20) -> None:
    """Fail unless the condition becomes true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_apps_of_tests_can_read_the_tasks_of_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each has a secret key of its own unless the test gives one."""
    monkeypatch.setenv("QHANA_PLUGIN_RUNNER_INSTANCE_FOLDER", str(tmp_path))
    database = f"sqlite:///{tmp_path / 'shared.db'}"
    server, worker = (
        create_app({"SQLALCHEMY_DATABASE_URI": database}, silent_log=True)
        for _ in range(2)
    )
    with server.app_context():
        create_db_function(server)
        ProcessingTask(task_name="t", parameters="{}").save(commit=True)
    with worker.app_context():
        task = ProcessingTask.get_by_id(1)
        assert task is not None
        assert task.parameters == "{}"
