# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The steps of a task cannot be found by counting either.

Routes of plugins for the steps of a task contain its id. An outsider who counts along
must not get into the steps of others, nor learn the URL of their task from the redirect.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from flask import Flask, current_app, url_for
from flask.testing import FlaskClient
from werkzeug.routing import Map

from managed_app import build_app
from qhana_plugin_runner.api.step_ids import RunnerRule
from qhana_plugin_runner.api.task_ids import TASK_ARGUMENTS, current_task_ids
from qhana_plugin_runner.db import DB
from qhana_plugin_runner.db.models.tasks import ProcessingTask, TaskLink

PLUGINS = Path(__file__).parents[2] / "plugins"
MULTI = "hello-world-multi-step@v1-0-0"
STEP = f"/plugins/{MULTI}/{{}}/demo-step-{{}}/"


@pytest.fixture(scope="module", params=["opaque", "plain"])
def app(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Flask]:
    """An app with the bundled plugins; its context is open."""
    folder = tmp_path_factory.mktemp("steps")
    app = build_app(
        folder,
        f"sqlite:///{folder / 'test.db'}",
        TASK_IDS=request.param,
        PLUGIN_FOLDERS=[str(PLUGINS)],
    )
    with app.app_context():
        yield app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def is_opaque(app: Flask) -> bool:
    return app.config["TASK_IDS"] == "opaque"


@pytest.fixture
def task(app: Flask) -> Iterator[ProcessingTask]:
    """A task that waits for its step."""
    task = ProcessingTask(task_name=f"{MULTI}.preprocessing_task")
    task.save(commit=True)
    task.add_next_step(
        href=step_url(task, "process"),
        ui_href=step_url(task, "ui"),
        step_id="demo-step",
        commit=True,
    )
    yield task
    DB.session.rollback()


def step_url(task: ProcessingTask, kind: str) -> str:
    """Return the URL of the step as the plugin builds it."""
    view = {"ui": "DemoStepFrontend", "process": "DemoStepProcessView"}[kind]
    with current_app.test_request_context():
        return url_for(f"{MULTI}.{view}", db_id=task.id, _external=True)


def test_the_step_is_found_by_the_url_that_the_plugin_built(
    client: FlaskClient, task: ProcessingTask
) -> None:
    ui_path = urlsplit(task.steps[-1].ui_href).path
    assert client.get(ui_path).status_code == 200
    answer = client.post(urlsplit(task.steps[-1].href).path, data={"inputStr": "x"})
    assert answer.status_code == 303
    with current_app.test_request_context():
        expected = url_for("tasks-api.TaskView", task_id=str(task.id))
    assert urlsplit(answer.headers["Location"]).path == expected


def test_counting_does_not_find_the_step(
    client: FlaskClient, task: ProcessingTask, is_opaque: bool
) -> None:
    for kind in ("ui", "process"):
        path = STEP.format(task.id, kind)
        answer = client.post(path, data={"inputStr": "mine now"})
        assert (answer.status_code == 404) is is_opaque
        assert ("Location" in answer.headers) is (kind == "process" and not is_opaque)


def test_a_refused_number_looks_like_one_without_a_task(
    client: FlaskClient, task: ProcessingTask, is_opaque: bool
) -> None:
    if not is_opaque:
        pytest.skip("plain ids tell what exists")
    bodies = {
        client.get(STEP.format(id_, "ui")).data for id_ in (task.id, 2**31 - 1, 2**100)
    }
    assert len(bodies) == 1


@pytest.mark.parametrize("end", ["", "/"])
def test_a_url_by_hand_needs_no_slash_at_the_end(
    client: FlaskClient, task: ProcessingTask, end: str
) -> None:
    path = STEP.format(task.id, "ui")
    task.clear_previous_step()
    task.add_next_step(
        href="/x/", ui_href=path.rstrip("/") + end, step_id="by-hand", commit=True
    )
    answer = client.get(task.steps[-1].ui_href, follow_redirects=True)
    assert answer.status_code == 200


@pytest.mark.parametrize("is_link", [False, True])
def test_a_plugin_may_write_the_url_by_hand(
    client: FlaskClient, task: ProcessingTask, is_link: bool
) -> None:
    """Then the plugin has published the plain id itself."""
    path = STEP.format(task.id, "ui")
    if is_link:
        DB.session.add(TaskLink(task=task, type="extra", href=f"http://far{path}?x=1"))
        DB.session.commit()
    else:
        task.clear_previous_step()
        task.add_next_step(href="/x/", ui_href=path, step_id="by-hand", commit=True)
    assert client.get(path).status_code == 200


def test_the_plugin_s_other_routes_take_the_id_that_it_published(
    client: FlaskClient, task: ProcessingTask
) -> None:
    """A page that was found by hand may post to any route beside it."""
    page = f"/plugins/{MULTI}/{task.id}/my-page/?x=1"
    task.clear_previous_step()
    task.add_next_step(href="/x/", ui_href=page, step_id="by-hand", commit=True)
    assert client.get(STEP.format(task.id, "ui")).status_code == 200
    answer = client.post(STEP.format(task.id, "process"), data={"inputStr": "x"})
    assert answer.status_code == 303


@pytest.mark.parametrize(
    "url",
    [
        f"/plugins/other@v1/{{id}}/demo-step-ui/?at=/plugins/{MULTI}/{{id}}/",
        f"/plugins/{MULTI}/step-{{id}}/demo-step-ui/?x={{id}}",
        f"/{{id}}/plugins/{MULTI}/demo-step-ui/",
        f"/plugins/{MULTI}/{{opaque}}/{{id}}/",
    ],
    ids=["another plugin", "part of a name", "above the plugin", "another number"],
)
def test_a_url_without_the_plain_id_of_the_task_publishes_nothing(
    client: FlaskClient, task: ProcessingTask, is_opaque: bool, url: str
) -> None:
    opaque = current_task_ids().to_text(task.id)
    task.clear_previous_step()
    task.add_next_step(
        href=url.format(id=task.id, opaque=opaque),
        ui_href="/x/",
        step_id="by-hand",
        commit=True,
    )
    status = client.get(STEP.format(task.id, "ui")).status_code
    assert status == (404 if is_opaque else 200)


def test_other_numbers_of_plugins_stay_as_they_are(app: Flask) -> None:
    rules = {rule.rule: rule for rule in app.url_map.iter_rules()}
    assert "<int:file_id>" in "".join(rules)
    with app.test_request_context():
        assert "/files/7/" in url_for("files-api.FileView", file_id=7)


@pytest.mark.parametrize("variable", TASK_ARGUMENTS)
def test_a_route_with_an_id_is_preferred_to_one_with_any_text(
    app: Flask, variable: str
) -> None:
    """As Flask does it, in whatever order the plugin declares them."""
    rules = [
        RunnerRule("/plugins/x/<string:name>/ui/", endpoint="text"),
        RunnerRule(f"/plugins/x/<int:{variable}>/ui/", endpoint="id"),
    ]
    urls = Map(rules).bind("localhost")
    assert urls.match("/plugins/x/12/ui/")[0] == "id"
    assert urls.match("/plugins/x/twelve/ui/")[0] == "text"
