# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Tasks of plugins that go to queues of their own (``TASK_ROUTES``)."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import kombu
import pytest

from qhana_plugin_runner.config.settings import check_settings
from qhana_plugin_runner.errors import ConfigurationError
from qhana_plugin_runner.task_plugins import plugin_of_task
from qhana_plugin_runner.task_routes import queue_of_task
from qhana_plugin_runner.util.plugins import QHAnaPluginBase
from runner_process import Runner, runner
from services import REDIS, require


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch) -> Iterator[QHAnaPluginBase]:
    """A plugin that is known in this process for one test."""
    monkeypatch.setattr(QHAnaPluginBase, "__plugins__", {})

    class Solver(QHAnaPluginBase):
        name = "solver"
        version = "v1.2.0"
        tags = ["quantum", "slow"]

    yield Solver.instance


@pytest.mark.parametrize(
    ("routes", "queue"),
    [
        ({}, None),
        ({"other": "a"}, None),
        ({"solver": "a"}, "a"),
        ({"solver@v1-2-0": "a"}, "a"),
        ({"slow": "a"}, "a"),
        ({"slow": "a", "quantum": "b"}, "a"),
        ({"slow": "a", "solver": "b", "solver@v1-2-0": "c"}, "c"),
        ({"slow": "a", "solver": "b"}, "b"),
    ],
)
def test_more_exact_route_counts(
    plugin: QHAnaPluginBase, routes: dict[str, str], queue: str | None
) -> None:
    assert queue_of_task(routes, f"{plugin.identifier}.solve") == queue


def test_task_with_another_name_belongs_to_the_plugin_of_its_module(
    plugin: QHAnaPluginBase,
) -> None:
    package = type(plugin).__module__.partition(".")[0]
    task: Any = SimpleNamespace(__module__=f"{package}.tasks", run=print)
    assert queue_of_task({"solver": "a"}, "odd name", task) == "a"
    task.__module__ = "elsewhere.tasks"
    assert queue_of_task({"solver": "a"}, "odd name", task) is None


@pytest.mark.parametrize(
    "name",
    ["celery.chord_unlock", "qhana-plugin-runner.x", "gone@v1.task", "plain", "", "."],
)
def test_names_of_plugins_that_are_not_loaded_are_no_plugins(
    plugin: QHAnaPluginBase, name: str
) -> None:
    assert plugin_of_task(name) is None


def test_task_without_a_name_of_its_own_is_named_after_the_module_of_its_plugin(
    plugin: QHAnaPluginBase,
) -> None:
    assert plugin_of_task(f"{type(plugin).__module__}.solve") == plugin.identifier


def test_tasks_of_the_runner_stay_in_the_default_queue(plugin: QHAnaPluginBase) -> None:
    assert queue_of_task({"solver": "a"}, "qhana-plugin-runner.save-result") is None


@pytest.mark.parametrize("value", ["[]", "{", '{"a": 1}', '{"a": ""}', 7])
def test_malformed_routes_are_refused(value: Any) -> None:
    with pytest.raises(ConfigurationError, match="TASK_ROUTES.*queue"):
        check_settings({"TASK_ROUTES": value}, "the test")


BROKERS = {"embedded": {}, "redis": {"BROKER_URL": REDIS, "TASK_LEASE_SECONDS": "3"}}


@pytest.fixture(params=BROKERS)
def routed(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Runner]:
    """A server that routes the laboratory to a queue of its own."""
    settings: dict[str, str] = BROKERS[request.param]
    if "BROKER_URL" in settings:
        require("redis", REDIS)
    with runner(tmp_path, **settings) as instance:
        routes = {"laboratory": f"lab-{instance.port}"}
        instance.environment["TASK_ROUTES"] = json.dumps(routes)
        instance.start_server()
        yield instance


def test_only_a_worker_of_the_queue_takes_the_task(routed: Runner) -> None:
    routed.start_worker("general", queues=f"test-{routed.port}")
    url = routed.submit({"op": "returns", "value": "done"})
    time.sleep(1)
    assert routed.task(url)["state"] == "queued"
    routed.start_worker("lab", queues=f"lab-{routed.port}")
    assert routed.wait_task(url)["log"] == "done"
    assert "received" not in routed.log("general")


def test_worker_without_a_choice_takes_the_tasks_of_all_queues(routed: Runner) -> None:
    routed.start_worker()
    assert routed.wait_task(routed.submit())["status"] == "SUCCESS"


@pytest.mark.parametrize("routed", ["redis"], indirect=True)
def test_lost_message_is_sent_to_its_queue_again(routed: Runner) -> None:
    url = routed.submit({"op": "returns", "value": "done"})
    with kombu.Connection(REDIS) as connection:
        purged = connection.default_channel.queue_purge(f"lab-{routed.port}")
    assert purged == 1
    # Any worker notices the loss.
    routed.start_worker("general", queues=f"test-{routed.port}")
    routed.start_worker("lab", queues=f"lab-{routed.port}")
    assert routed.wait_task(url, 30)["log"] == "done"
    assert "received" not in routed.log("general")
