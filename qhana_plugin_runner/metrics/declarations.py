# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Every metric, once: name, kind, help, labels and where its numbers come from."""

from __future__ import annotations

from dataclasses import dataclass

_REQUEST_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_TASK_BUCKETS = (0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14400.0)


@dataclass(frozen=True)
class Metric:
    """A metric family.

    Attributes:
        name: as it is shown; counters end with ``_total``.
        kind: ``counter``, ``gauge`` or ``histogram``.
        help: one sentence for operators.
        labels: names of the labels.
        source: ``processes`` (summed over all of them) or ``now`` (looked up when asked).
        buckets: upper bounds of a histogram in seconds, without infinity.
    """

    name: str
    kind: str
    help: str
    labels: tuple[str, ...] = ()
    source: str = "processes"
    buckets: tuple[float, ...] = ()


METRICS: tuple[Metric, ...] = (
    Metric(
        "qhana_http_requests_total",
        "counter",
        "Answered requests.",
        ("endpoint", "method", "status"),
    ),
    Metric(
        "qhana_http_request_duration_seconds",
        "histogram",
        "Seconds until the headers of an answer were ready.",
        ("endpoint", "method"),
        buckets=_REQUEST_BUCKETS,
    ),
    Metric(
        "qhana_tasks",
        "gauge",
        "Tasks in the database.",
        ("plugin", "state"),
        source="now",
    ),
    Metric(
        "qhana_tasks_finished_total",
        "counter",
        "Tasks that the runner has ended.",
        ("plugin", "state"),
    ),
    Metric(
        "qhana_task_wait_seconds",
        "histogram",
        "Seconds from the time a message was due until a worker took it up.",
        ("plugin",),
        buckets=_TASK_BUCKETS,
    ),
    Metric(
        "qhana_task_run_seconds",
        "histogram",
        "Seconds that a worker was busy with a message.",
        ("plugin",),
        buckets=_TASK_BUCKETS,
    ),
    Metric(
        "qhana_task_queue_length",
        "gauge",
        "Tasks that wait for a worker.",
        source="now",
    ),
    Metric(
        "qhana_task_queue_oldest_seconds",
        "gauge",
        "Seconds that the message of a task has been due at most, 0 if none waits.",
        source="now",
    ),
    Metric(
        "qhana_webhook_deliveries_pending",
        "gauge",
        "Webhook calls that are still to be made.",
        source="now",
    ),
    Metric(
        "qhana_webhook_calls_total",
        "counter",
        "Attempts to call a webhook: delivered, refused (by the rules of what may be "
        "fetched), postponed, or given up.",
        ("outcome",),
    ),
    Metric(
        "qhana_store_operations_total",
        "counter",
        "Operations of file stores.",
        ("store", "operation", "outcome"),
    ),
    Metric(
        "qhana_store_operation_duration_seconds",
        "histogram",
        "Seconds that an operation of a file store took.",
        ("store", "operation"),
        buckets=_REQUEST_BUCKETS + (60.0, 300.0),
    ),
    Metric(
        "qhana_workers",
        "gauge",
        "Workers that show signs of life.",
        source="now",
    ),
    Metric(
        "qhana_plugins",
        "gauge",
        "Plugins of the process that answers.",
        ("state",),
        source="now",
    ),
    Metric(
        "qhana_database_up",
        "gauge",
        "Whether the database has answered in time; else numbers from it are missing.",
        source="now",
    ),
    Metric(
        "qhana_build_info",
        "gauge",
        "Always 1; the labels tell the versions.",
        ("version", "python", "database"),
        source="now",
    ),
)
