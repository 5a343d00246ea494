# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""All metrics of the runner, for whoever scrapes them.

What can be looked up is looked up: the numbers of tasks are right whatever process has
died. Many scrapers at once cost the database as much as one.
"""

from __future__ import annotations

import platform
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import sqlalchemy as sa
from flask import Flask, current_app
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.core import Metric as Family
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from .bounded_calls import BoundedCalls
from .db import DB
from .db.models.base import utc_now
from .db.models.tasks import ProcessingTask, TaskState
from .db.models.webhook_deliveries import WebhookDelivery
from .health_checks import count_workers
from .metrics import METRICS, Metric, recorded
from .metrics.recorder import Samples
from .plugin_loader import get_load_report
from .task_metrics import plugin_label

_EXTENSION = "qhana-runner-metrics"
_FRESH_SECONDS = 2.0

# Values of the labels, and the number.
Rows = list[tuple[tuple[str, ...], float]]


def init_app(app: Flask) -> None:
    """Prepare what is looked up for the metrics of the app."""
    app.extensions[_EXTENSION] = Lookups(app)


def render(accept: str) -> tuple[bytes, str]:
    """Return all metrics as text, and the media type of it.

    Args:
        accept: the ``Accept`` header of the request; it chooses between the text format
            of Prometheus and OpenMetrics.
    """
    encode, media_type = choose_encoder(accept)
    return encode(RunnerCollector()), media_type


class RunnerCollector(Collector):
    """Collects the metrics of the current app."""

    def collect(self) -> Iterator[Family]:
        """Yield the families in the order of their declaration."""
        samples = recorded()
        rows = current_app.extensions[_EXTENSION].rows()
        for metric in METRICS:
            if metric.source == "now":
                yield _gauge(metric, rows.get(metric.name, []))
            elif metric.kind == "counter":
                yield _counter(metric, samples.get(metric.name, {}))
            else:
                yield _histogram(metric, samples.get(metric.name, {}))


def _gauge(metric: Metric, rows: Rows) -> Family:
    family = GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
    for labels, value in rows:
        family.add_metric(labels, value)
    return family


def _counter(metric: Metric, samples: Samples) -> Family:
    family = CounterMetricFamily(metric.name, metric.help, labels=metric.labels)
    for (_part, labels), value in sorted(samples.items()):
        family.add_metric(labels, value)
    return family


def _histogram(metric: Metric, samples: Samples) -> Family:
    family = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
    by_labels: dict[tuple[str, ...], dict[str, float]] = defaultdict(dict)
    for (part, labels), value in samples.items():
        by_labels[labels][part] = value
    for labels, parts in sorted(by_labels.items()):
        total, buckets = 0.0, []
        for bound in (*map(str, metric.buckets), "inf"):
            total += parts.get(bound, 0.0)
            buckets.append(("+Inf" if bound == "inf" else bound, total))
        family.add_metric(labels, buckets, sum_value=parts.get("sum", 0.0))
    return family


class Lookups:
    """Numbers that are looked up for one app; they are shared for two seconds."""

    def __init__(self, app: Flask) -> None:
        self._calls = BoundedCalls(app)
        self._seconds = float(app.config.get("HEALTH_CHECK_SECONDS", 3))
        self._lock = threading.Lock()
        self._until = 0.0
        self._rows: dict[str, Rows] = {}

    def rows(self) -> dict[str, Rows]:
        """Return the rows of each metric, without those of a database that is away."""
        with self._lock:
            if time.monotonic() >= self._until:
                lookups: dict[str, Callable[[], Any]] = {"database": _of_database}
                outcome = self._calls.run(lookups, self._seconds)["database"]
                up = outcome.error is None
                self._rows = {
                    **_of_process(),
                    **(outcome.value or {}),
                    "qhana_database_up": [((), float(up))],
                }
                self._until = time.monotonic() + _FRESH_SECONDS
            return self._rows


def _of_process() -> dict[str, Rows]:
    states = Counter(entry.state for entry in get_load_report().entries)
    plugins: Rows = [((state,), float(states[state])) for state in ("loaded", "failed")]
    labels = (
        _version(),
        platform.python_version(),
        DB.engine.url.get_backend_name(),
    )
    return {"qhana_plugins": plugins, "qhana_build_info": [(labels, 1.0)]}


def _version() -> str:
    try:
        return version("qhana-plugin-runner")
    except PackageNotFoundError:  # a checkout that is not installed
        return "unknown"


def _of_database() -> dict[str, Rows]:
    columns = (ProcessingTask.task_name, ProcessingTask.state)
    statement = sa.select(*columns, sa.func.count()).group_by(*columns)
    tasks: Counter[tuple[str, ...]] = Counter()
    with DB.engine.connect() as connection:
        for name, state, number in connection.execute(statement):
            tasks[plugin_label(name), state] += number
        oldest = _seconds_due(connection)
        pending = connection.scalar(
            sa.select(sa.func.count()).select_from(WebhookDelivery)
        )
    waiting = sum(
        number for (_, state), number in tasks.items() if state == TaskState.QUEUED.value
    )
    return {
        "qhana_tasks": [(labels, float(number)) for labels, number in tasks.items()],
        "qhana_task_queue_length": [((), float(waiting))],
        "qhana_task_queue_oldest_seconds": [((), oldest)],
        "qhana_webhook_deliveries_pending": [((), float(pending or 0))],
        "qhana_workers": [((), float(count_workers()))],
    }


def _seconds_due(connection: sa.Connection) -> float:
    now = utc_now()
    since = connection.scalar(
        sa.select(sa.func.min(ProcessingTask.queued_at)).where(
            ProcessingTask.state == TaskState.QUEUED.value,
            ProcessingTask.queued_at <= now,
        )
    )
    return 0.0 if since is None else max(0.0, (now - since).total_seconds())
