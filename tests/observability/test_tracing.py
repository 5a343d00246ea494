# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""One trace from the request over the broker to the worker and its SQL statements."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urljoin

import pytest

from managed_app import build_app
from qhana_plugin_runner.errors import ConfigurationError
from runner_process import Runner, runner

trace_service = pytest.importorskip(
    "opentelemetry.proto.collector.trace.v1.trace_service_pb2"
)


class Collector(ThreadingHTTPServer):
    """Takes spans in OTLP over HTTP."""

    daemon_threads = True

    def __init__(self) -> None:
        self.spans: list[Any] = []
        self.services: set[str] = set()
        super().__init__(("127.0.0.1", 0), _Handler)

    def of_trace(self, trace_id: bytes) -> dict[str, Any]:
        """Return the spans of a trace by name; the last one of a name counts."""
        return {span.name: span for span in self.spans if span.trace_id == trace_id}


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        message = trace_service.ExportTraceServiceRequest.FromString(body)
        assert isinstance(self.server, Collector)
        for resource_spans in message.resource_spans:
            for attribute in resource_spans.resource.attributes:
                if attribute.key == "service.name":
                    self.server.services.add(attribute.value.string_value)
            for scope_spans in resource_spans.scope_spans:
                self.server.spans.extend(scope_spans.spans)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_arguments: Any) -> None:
        """Stay silent."""


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    """A collector on loopback."""
    server = Collector()
    Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def running(
    tmp_path_factory: pytest.TempPathFactory, collector: Collector
) -> Iterator[Runner]:
    """A server and a worker with pool children that send their spans there."""
    settings = {
        "TRACING": "true",
        "TRACING_ENDPOINT": f"http://127.0.0.1:{collector.server_address[1]}",
        "OTEL_BSP_SCHEDULE_DELAY": "200",
    }
    with runner(tmp_path_factory.mktemp("running"), **settings) as instance:
        instance.start_server()
        instance.start_worker()
        yield instance


def wait_for(condition: Any) -> Any:
    """Return the value of the condition once it is true."""
    deadline = time.monotonic() + 20
    while not (value := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return value


def test_a_task_is_one_trace_across_the_broker(
    running: Runner, collector: Collector
) -> None:
    running.wait_task(running.submit({"op": "returns", "value": "done"}))
    name = "laboratory@v1-0-0.experiment"

    def run_spans() -> list[Any]:
        return [span for span in collector.spans if span.name == f"run/{name}"]

    (run,) = wait_for(run_spans)
    posted = "POST /plugins/laboratory@v1-0-0/process/"
    wait_for(lambda: posted in collector.of_trace(run.trace_id))
    trace = collector.of_trace(run.trace_id)
    sent = trace[f"apply_async/{name}"]
    assert run.parent_span_id == sent.span_id
    assert sent.parent_span_id == trace[posted].span_id
    statements = [
        span
        for span in collector.spans
        if span.trace_id == run.trace_id and span.name.startswith(("SELECT", "UPDATE"))
    ]
    parents = {span.parent_span_id for span in statements}
    assert {run.span_id, trace[posted].span_id} <= parents
    assert collector.services == {"qhana-plugin-runner"}


def test_nothing_is_traced_that_belongs_to_nobody(
    running: Runner, collector: Collector
) -> None:
    for path in ("/health/ready", "/metrics"):
        running.http.get(urljoin(running.url, path), timeout=10)
    before = len(collector.spans)
    running.http.get(urljoin(running.url, "/plugins/"), timeout=10)
    wait_for(lambda: len(collector.spans) > before)
    traces = {span.trace_id: [] for span in collector.spans}
    for span in collector.spans:
        traces[span.trace_id].append(span)
    for spans in traces.values():
        names = {span.name for span in spans}
        assert any(name.startswith(("GET ", "POST ", "run/")) for name in names), names
        assert not any("health" in name or "metrics" in name for name in names)


def test_the_query_of_a_url_is_in_no_span(running: Runner, collector: Collector) -> None:
    running.http.get(urljoin(running.url, "/files/77/?file-id=secret-tag"), timeout=10)
    wait_for(lambda: any("/files/" in span.name for span in collector.spans))
    own = urljoin(running.url, "/plugins/?probe=secret-tag")
    running.wait_task(running.submit({"op": "fetch", "url": own}))
    wait_for(lambda: any(span.name == "GET" for span in collector.spans))
    assert not any("secret-tag" in str(span) for span in collector.spans)


def test_a_refused_request_has_a_span(running: Runner, collector: Collector) -> None:
    url, headers = urljoin(running.url, "/tasks/5/"), {"Authorization": "Bearer no-token"}
    assert running.http.get(url, headers=headers, timeout=10).status_code == 401

    def statuses() -> set[int]:
        return {
            attribute.value.int_value
            for span in collector.spans
            for attribute in span.attributes
            if attribute.key == "http.status_code"
        }

    wait_for(lambda: 401 in statuses())


@pytest.mark.parametrize(
    "missing", ["opentelemetry.sdk.trace", "opentelemetry.instrumentation.flask"]
)
def test_without_the_packages_the_start_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ConfigurationError, match="extra named tracing"):
        build_app(tmp_path, "sqlite://", TRACING=True)


def test_tracing_is_off_by_default(tmp_path: Path) -> None:
    app = build_app(tmp_path, "sqlite://")
    assert "qhana-tracing" not in app.extensions
