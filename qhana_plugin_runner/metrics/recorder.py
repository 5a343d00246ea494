# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Counting and measuring: one call, a few microseconds, from any layer."""

from __future__ import annotations

import json
import math
import time
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from flask import Flask, Request, Response, current_app, has_app_context

from ..util.request_hooks import request_hooks
from .declarations import METRICS, Metric
from .process_files import ProcessFiles

_EXTENSION = "qhana-metrics"
_BY_NAME = {metric.name: metric for metric in METRICS}
_STARTED = "qhana.started"
_REQUESTS = "qhana_http_requests_total"
_DURATION = "qhana_http_request_duration_seconds"
_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))

# (part, values of the labels); the part is "" for counters, else "sum" or a bound.
Samples = dict[tuple[str, tuple[str, ...]], float]


def init_app(app: Flask) -> None:
    """Count and measure what the app does, unless it is switched off."""
    if not app.config.get("METRICS", True):
        return
    folder = Path(app.instance_path) / "metrics"
    app.extensions[_EXTENSION] = ProcessFiles(folder)
    hooks = request_hooks(app)
    hooks.before(_request_begins)
    hooks.after(_request_ends)


def is_on() -> bool:
    """Return whether the current app counts and measures."""
    return _files() is not None


def _files() -> ProcessFiles | None:
    if not has_app_context():
        return None
    return current_app.extensions.get(_EXTENSION)


def count(name: str, amount: float = 1, **labels: str) -> None:
    """Add to a counter.

    Args:
        name: name of the counter.
        amount: how much to add.
        **labels: a value for each of its labels.
    """
    files = _files()
    if files is not None:
        files.add({_key(name, "", *_values(_BY_NAME[name], labels)): amount})


def observe(name: str, seconds: float, **labels: str) -> None:
    """Add an observation to a histogram.

    Args:
        name: name of the histogram.
        seconds: what was measured; differences of clocks may make it negative.
        **labels: a value for each of its labels.
    """
    files = _files()
    if files is None:
        return
    files.add(_observation(name, max(0.0, seconds), _values(_BY_NAME[name], labels)))


def _observation(name: str, seconds: float, values: tuple[str, ...]) -> dict[str, float]:
    """Return what an observation adds to the numbers of a histogram."""
    buckets, total = _histogram_keys(name, values)
    return {buckets[bucket_of(_BY_NAME[name], seconds)]: 1.0, total: seconds}


@contextmanager
def timed(name: str, **labels: str) -> Iterator[None]:
    """Observe how long a block takes, however it ends."""
    start = time.perf_counter()
    try:
        yield
    finally:
        observe(name, time.perf_counter() - start, **labels)


def bucket_of(metric: Metric, seconds: float) -> int:
    """Return the number of the bucket that a value falls into; the last has no bound."""
    return bisect_left(metric.buckets, seconds)


def recorded() -> dict[str, Samples]:
    """Return what all processes have counted and measured, by the name of the metric."""
    files = _files()
    found: dict[str, Samples] = {}
    for key, value in (files.totals() if files is not None else {}).items():
        name, part, *values = json.loads(key)
        metric = _BY_NAME.get(name)
        # A file may be from another version of the runner.
        if metric is not None and len(values) == len(metric.labels):
            found.setdefault(name, {})[part, tuple(values)] = value
    return found


def _values(metric: Metric, labels: dict[str, str]) -> tuple[str, ...]:
    return tuple([str(labels[name]) for name in metric.labels])


@lru_cache(maxsize=4096)
def _key(name: str, part: str, *values: str) -> str:
    return json.dumps([name, part, *values])


@lru_cache(maxsize=4096)
def _histogram_keys(name: str, values: tuple[str, ...]) -> tuple[list[str], str]:
    """Return the keys of the buckets of a histogram, and that of its sum."""
    bounds = [str(bound) for bound in (*_BY_NAME[name].buckets, math.inf)]
    buckets = [_key(name, bound, *values) for bound in bounds]
    return buckets, _key(name, "sum", *values)


def _request_begins(_app: Flask, request: Request) -> None:
    request.environ[_STARTED] = time.perf_counter()


def _request_ends(app: Flask, request: Request, response: Response) -> None:
    method = request.method if request.method in _METHODS else "other"
    labels = request.endpoint or "unknown", method
    amounts = {_key(_REQUESTS, "", *labels, str(response.status_code)): 1.0}
    started = request.environ.get(_STARTED)
    if started is not None:
        seconds = time.perf_counter() - started
        amounts |= _observation(_DURATION, seconds, labels)
    app.extensions[_EXTENSION].add(amounts)
