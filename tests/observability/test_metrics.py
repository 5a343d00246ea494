# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""What ``/metrics`` says, and that dashboard, alerts and documentation know it."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families

from managed_app import build_app
from qhana_plugin_runner.db import DB
from qhana_plugin_runner.db.models.base import utc_now
from qhana_plugin_runner.db.models.tasks import ProcessingTask, TaskState
from qhana_plugin_runner.metrics import METRICS, Metric, count, observe
from qhana_plugin_runner.metrics.recorder import bucket_of
from qhana_plugin_runner.storage import STORE
from qhana_plugin_runner.tasks import close_task
from qhana_plugin_runner.util.plugins import QHAnaPluginBase
from services import fresh_database
from tcp_proxy import TcpProxy

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    """An app that counts, with its context open."""
    app = build_app(tmp_path, f"sqlite:///{tmp_path}/test.db", METRICS=True)
    with app.app_context():
        yield app
        DB.session.remove()
        DB.engine.dispose()


def samples(app: Flask, name: str, **labels: str) -> list[Any]:
    """Scrape the app; return the samples of the name that have the labels."""
    answer = app.test_client().get("/metrics")
    assert answer.status_code == 200, answer.text
    return [
        sample
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    ]


def value(app: Flask, name: str, **labels: str) -> float:
    """Return the sum of the samples that have the labels."""
    return sum(sample.value for sample in samples(app, name, **labels))


def save_task(name: str = "lab@v1.work", **values: Any) -> ProcessingTask:
    """Save a task with values of columns."""
    task = ProcessingTask(task_name=name)
    for key, given in values.items():
        setattr(task, key, given)
    task.save(commit=True)
    return task


def test_exactly_the_declared_metrics_are_shown(app: Flask) -> None:
    text = app.test_client().get("/metrics").text
    shown = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))
    assert shown == {metric.name: metric.kind for metric in METRICS}
    helps = re.findall(r"^# HELP (\S+) ", text, re.MULTILINE)
    assert helps == [metric.name for metric in METRICS]


def test_openmetrics_is_given_to_those_who_ask(app: Flask) -> None:
    accept = "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"
    answer = app.test_client().get("/metrics", headers={"Accept": accept})
    assert answer.mimetype == "application/openmetrics-text"
    assert len(list(parse_openmetrics(answer.text))) == len(METRICS)


@pytest.mark.parametrize("path", ["/metrics", "/metrics/"])
def test_there_is_no_redirect_and_no_prefix(tmp_path: Path, path: str) -> None:
    app = build_app(tmp_path, "sqlite://", METRICS=True, OPENAPI_URL_PREFIX="api")
    assert app.test_client().get(path).status_code == 200


def test_metrics_can_be_switched_off(tmp_path: Path) -> None:
    app = build_app(tmp_path, "sqlite://", METRICS=False)
    assert app.test_client().get("/metrics").status_code == 404
    assert not (tmp_path / "metrics").exists()


def test_requests_are_counted_and_timed(app: Flask) -> None:
    client = app.test_client()
    for path in ("/plugins/", "/plugins/", "/tasks/9/", "/nothing/"):
        client.get(path)
    labels = {"endpoint": "plugins-api.PluginsView", "method": "GET"}
    total = "qhana_http_requests_total"
    endpoints = {sample.labels["endpoint"] for sample in samples(app, total)}
    (listed,) = [name for name in endpoints if name.startswith("plugins-api.")]
    labels["endpoint"] = listed
    assert value(app, total, status="200", **labels) == 2
    assert value(app, total, endpoint="tasks-api.TaskView", status="404") == 1
    assert value(app, total, endpoint="unknown", status="404") == 1
    duration = "qhana_http_request_duration_seconds"
    assert value(app, f"{duration}_count", **labels) == 2
    assert 0 < value(app, f"{duration}_sum", **labels) < 5
    bounds = [s.value for s in samples(app, f"{duration}_bucket", **labels)]
    assert bounds == sorted(bounds) and bounds[-1] == 2


def test_a_made_up_method_makes_no_series(app: Flask) -> None:
    app.test_client().open("/plugins/", method="BREW")
    assert value(app, "qhana_http_requests_total", method="other", status="405") == 1


def test_tasks_are_counted_by_plugin_and_state(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = {"a@v1": SimpleNamespace(), "b@v2": SimpleNamespace()}
    monkeypatch.setattr(QHAnaPluginBase, "__plugins__", loaded)
    save_task("a@v1.one")
    save_task("a@v1.two")
    close_task(save_task("a@v1.one").id, TaskState.FAILED, "broken")
    close_task(save_task("b@v2.one").id, TaskState.CANCELLED, "stopped")
    close_task(save_task("gone@v3.one").id, TaskState.LOST, "gone")
    assert value(app, "qhana_tasks") == 5
    assert value(app, "qhana_tasks", plugin="a@v1", state="queued") == 2
    assert value(app, "qhana_task_queue_length") == 2
    for plugin, state in (("a@v1", "failed"), ("b@v2", "cancelled"), ("none", "lost")):
        assert value(app, "qhana_tasks", plugin=plugin, state=state) == 1
        assert value(app, "qhana_tasks_finished_total", plugin=plugin, state=state) == 1


def test_a_task_ends_once(app: Flask) -> None:
    task = save_task()
    for state in (TaskState.FAILED, TaskState.LOST):
        close_task(task.id, state, "ended")
    assert value(app, "qhana_tasks_finished_total") == 1


def test_the_oldest_message_that_is_due_counts(app: Flask) -> None:
    assert value(app, "qhana_task_queue_oldest_seconds") == 0
    now = utc_now()
    for minutes in (2, 5, -60):
        save_task(queued_at=now - timedelta(minutes=minutes))
    time.sleep(2.1)  # numbers of the database are shared for two seconds
    assert 300 <= value(app, "qhana_task_queue_oldest_seconds") < 330


def test_the_store_is_counted(app: Flask, tmp_path: Path) -> None:
    task = save_task()
    STORE.persist_task_result(task.id, b"1", "a.txt", "text", "text/plain")
    (tmp_path / "files" / "task_2").write_text("in the way")
    with pytest.raises(OSError):
        other = save_task()
        assert other.id == 2
        STORE.persist_task_result(other.id, b"1", "a.txt", "text", "text/plain")
    name = "qhana_store_operations_total"
    labels = {"store": "local_filesystem", "operation": "write"}
    assert value(app, name, outcome="ok", **labels) == 1
    assert value(app, name, outcome="error", **labels) == 1
    assert value(app, "qhana_store_operation_duration_seconds_count", **labels) == 2


def test_a_database_that_is_away_leaves_the_rest(tmp_path: Path) -> None:
    with fresh_database("postgresql", tmp_path) as uri:
        url = sa.make_url(uri)
        with TcpProxy(str(url.host), url.port or 5432) as proxy:
            through = url.set(port=proxy.port).render_as_string(hide_password=False)
            app = build_app(tmp_path, through, METRICS=True, HEALTH_CHECK_SECONDS=1)
            assert value(app, "qhana_database_up") == 1
            proxy.hang()
            time.sleep(2.1)
            start = time.monotonic()
            assert value(app, "qhana_database_up") == 0
            assert time.monotonic() - start < 2
            assert samples(app, "qhana_workers") == []
            assert value(app, "qhana_http_requests_total") >= 1
            proxy.stop()
            with app.app_context():
                DB.engine.dispose()


def test_observations_fall_into_the_bucket_that_includes_them() -> None:
    metric = Metric("x", "histogram", "X.", buckets=(0.1, 1.0))
    found = [bucket_of(metric, seconds) for seconds in (0, 0.1, 0.11, 1, 1.01)]
    assert found == [0, 0, 1, 1, 2]


def test_label_values_may_be_any_text(app: Flask) -> None:
    odd = 'quote " backslash \\ newline \n ünïcode'
    count("qhana_webhook_calls_total", outcome=odd)
    assert value(app, "qhana_webhook_calls_total", outcome=odd) == 1


def test_clocks_that_disagree_make_no_negative_times(app: Flask) -> None:
    observe("qhana_task_wait_seconds", -5, plugin="a@v1")
    assert value(app, "qhana_task_wait_seconds_sum") == 0


def test_without_an_app_nothing_is_counted() -> None:
    count("qhana_webhook_calls_total", outcome="delivered")


def names_in(text: str) -> set[str]:
    """Return the metrics that queries or prose name."""
    shown = {
        metric.name + suffix: metric.name
        for metric in METRICS
        for suffix in ("", "_bucket", "_count", "_sum")
    }
    return {shown.get(name, name) for name in re.findall(r"\bqhana_[a-z_]+", text)}


def test_the_dashboard_shows_every_metric_and_no_other() -> None:
    path = ROOT / "deploy" / "grafana" / "dashboard.json"
    dashboard = json.loads(path.read_text(encoding="utf-8"))
    queries = [t["expr"] for panel in dashboard["panels"] for t in panel["targets"]]
    assert names_in("\n".join(queries)) == {metric.name for metric in METRICS}


def test_alerts_only_use_metrics_that_exist() -> None:
    path = ROOT / "deploy" / "prometheus" / "alerts.yml"
    used = names_in(path.read_text(encoding="utf-8"))
    assert used
    assert used <= {metric.name for metric in METRICS}


def test_names_follow_the_conventions() -> None:
    for metric in METRICS:
        assert metric.name.endswith("_total") == (metric.kind == "counter")
        assert bool(metric.buckets) == (metric.kind == "histogram")
        assert metric.help.endswith(".")
