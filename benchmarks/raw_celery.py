# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The limit of tasks: Celery alone, on the same broker, with a pool of the same size."""

from __future__ import annotations

import importlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from celery import Celery

from benchmarks.system import System


def make_app(settings: dict[str, Any]) -> Celery:
    """Return a Celery application with two tasks that do nothing.

    Args:
        settings: of Celery.
    """
    if settings["broker_url"].startswith("embedded:"):
        importlib.import_module("qhana_plugin_runner.embedded_broker")  # the transport
    app = Celery("raw", set_as_current=False)
    app.conf.update(settings)
    app.task(_first, name="raw.first")
    app.task(_second, name="raw.second")
    return app


def _first(text: str) -> str:
    return text


def _second(text: str) -> None:
    """End the chain."""


@contextmanager
def raw_worker(runner: System) -> Iterator[Celery]:
    """Yield a Celery application whose worker runs on the broker of a runner."""
    settings = _settings(runner)
    module = (
        f"from benchmarks.raw_celery import make_app\nCELERY = make_app({settings})\n"
    )
    (runner.folder / "raw_module.py").write_text(module, encoding="utf-8")
    pool = ["--pool=prefork", f"--concurrency={runner.settings.pool}", "--loglevel=INFO"]
    host = f"--hostname=raw-{runner.port}@%h"
    runner.start("raw", "celery", "--app", "raw_module:CELERY", "worker", *pool, host)
    runner.wait_for_text("raw", " ready.")
    app = make_app(settings)
    try:
        yield app
    finally:
        app.close()
        runner.stop("raw")


def _settings(runner: System) -> dict[str, Any]:
    settings: dict[str, Any] = {
        "broker_url": runner.settings.broker,
        "result_backend": runner.settings.broker,
        "task_default_queue": f"raw-{runner.port}",
        "broker_connection_retry_on_startup": True,
    }
    if not settings["broker_url"]:
        folder = runner.folder / "raw"
        (folder / "results").mkdir(parents=True, exist_ok=True)
        backend = "qhana_plugin_runner.embedded_broker.EmbeddedBackend"
        settings["broker_url"] = "embedded://localhost//"
        settings["broker_transport_options"] = {"folder": str(folder / "broker")}
        settings["result_backend"] = f"{backend}+file://{folder}/results"
    elif settings["broker_url"].startswith("amqp"):
        settings["result_backend"] = "rpc://"
    return settings


def chains_per_second(app: Celery, number: int) -> float:
    """Return how many chains of two tasks end in a second."""
    first, second = app.tasks["raw.first"], app.tasks["raw.second"]
    start = time.perf_counter()
    results = [(first.s("x") | second.s()).apply_async() for _ in range(number)]
    for result in results:
        result.get(timeout=300, interval=0.01)
    return number / (time.perf_counter() - start)


def round_trip(app: Celery) -> float:
    """Return the seconds from sending one task to having its result."""
    start = time.perf_counter()
    app.tasks["raw.first"].apply_async(("x",)).get(timeout=60, interval=0.001)
    return time.perf_counter() - start
