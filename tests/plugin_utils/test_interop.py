# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Plugins call other plugins over HTTP: a small runner on a loopback port answers."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import pytest
import requests
from celery.contrib.testing.worker import start_worker
from flask import Flask

from qhana_plugin_runner import celery, db
from qhana_plugin_runner.celery import CELERY
from qhana_plugin_runner.plugin_utils import interop

WEBHOOK = "/webhooks/17?key=a%26b"


class OtherRunner(ThreadingHTTPServer):
    """A runner with one plugin and one task, which is also the receiver of webhooks.

    Attributes:
        task: the document of the task.
        changes: documents that replace it, one after each request for the task.
        calls: path and body of every POST request except to the plugin.
        form: the form that the plugin got.
        failures: statuses to answer with before anything else.
        answering: cleared while the server does not answer.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.host = f"http://127.0.0.1:{self.server_address[1]}"
        self.task_url = f"{self.host}/tasks/3/"
        self.webhook_url = self.host + WEBHOOK
        self.links = [
            {"type": "other", "href": "/other/"},
            {"type": "subscribe", "href": self.task_url},
        ]
        self.task: dict[str, Any] = {"status": "PENDING", "links": self.links}
        self.changes: list[dict[str, Any]] = []
        self.calls: list[tuple[str, bytes]] = []
        self.form: dict[str, list[str]] | None = None
        self.failures: list[int] = []
        self.answering = threading.Event()
        self.answering.set()

    def calls_of_webhook(self) -> list[dict[str, str]]:
        """Return the query of every webhook call so far."""
        return [dict(parse_qsl(urlsplit(path).query)) for path, _ in self.calls]

    def subscriptions(self) -> list[dict[str, Any]]:
        """Return the JSON body of every subscription so far."""
        return [json.loads(body) for path, body in self.calls if path == "/tasks/3/"]


class _Handler(BaseHTTPRequestHandler):
    server: OtherRunner

    def _answer(self) -> None:
        server = self.server
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        server.answering.wait(20)
        if self.command == "POST" and self.path != "/plugins/other/process/":
            server.calls.append((self.path, body))
        if server.failures:
            self.send_error(server.failures.pop(0), explain="because of the test")
        elif self.path == "/plugins/other/":
            self._json({"name": "other", "entryPoint": {"href": "./process/"}})
        elif self.path == "/plugins/other/process/":
            server.form = parse_qs(body.decode())
            self.send_response(303)
            self.send_header("Location", "/tasks/3/")
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif self.path == "/tasks/3/":
            self._json(server.task)
            if self.command == "GET" and server.changes:
                server.task = server.changes.pop(0)
        else:
            self._json({})

    do_GET = do_POST = _answer

    def _json(self, document: Any) -> None:
        content = json.dumps(document).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Stay silent."""


@pytest.fixture
def runner() -> Iterator[OtherRunner]:
    with OtherRunner() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.answering.set()
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def _log_level(caplog: pytest.LogCaptureFixture) -> None:
    """Other tests may have changed the level for all."""
    caplog.set_level(logging.INFO)


@pytest.fixture(autouse=True)
def app(tmp_path: Path) -> Iterator[Flask]:
    """An app with a queue in memory; its context is open."""
    app = Flask("interop-test", instance_path=str(tmp_path))
    app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite://"
    app.config["CELERY"] = {
        "broker_url": "memory://",
        "result_backend": "cache+memory://",
        "task_default_queue": f"interop-{time.monotonic_ns()}",
    }
    db.init_app(app)
    celery.init_app(app)
    with app.app_context():
        yield app


def queued(app: Flask) -> list[tuple[str, dict[str, Any], bool]]:
    """Take all messages: task name, keyword arguments, whether it is to run later."""
    messages = []
    with CELERY.connection_for_read() as connection:
        queue = connection.SimpleQueue(app.config["CELERY"]["task_default_queue"])
        while queue.qsize():
            message = queue.get_nowait()
            message.ack()
            headers = message.headers
            kwargs = message.decode()[1]
            messages.append((headers["task"], kwargs, headers.get("eta") is not None))
    return messages


@pytest.mark.parametrize(
    "name", ["monitor_result", "monitor_external_substep", "call_webhook"]
)
def test_names_of_the_tasks(name: str) -> None:
    task = getattr(interop, name)
    assert task.name == f"qhana_plugin_runner.plugin_utils.interop.{name}"
    assert task.ignore_result


class TestEndpoints:
    def test_endpoint_is_relative_to_the_plugin(self, runner: OtherRunner) -> None:
        url = f"{runner.host}/plugins/other/"
        assert interop.get_plugin_endpoint(url) == f"{url}process/"

    def test_interaction_endpoints_are_not_implemented(self, runner: OtherRunner) -> None:
        with pytest.raises(NotImplementedError):
            interop.get_plugin_endpoint(f"{runner.host}/plugins/other/", "evaluate")

    def test_call_sends_a_form_and_returns_the_task(self, runner: OtherRunner) -> None:
        url = f"{runner.host}/plugins/other/process/"
        data = {"a": "ä", "b": ["1", "2"]}
        assert interop.call_plugin_endpoint(url, data) == runner.task_url
        assert runner.form == {"a": ["ä"], "b": ["1", "2"]}
        assert interop.call_plugin_endpoint(url, None) == runner.task_url
        assert runner.form == {}

    def test_refused_call_is_an_http_error(
        self, runner: OtherRunner, caplog: pytest.LogCaptureFixture
    ) -> None:
        runner.failures += [422, 422]
        url = f"{runner.host}/plugins/other/process/"
        with pytest.raises(requests.HTTPError):
            interop.call_plugin_endpoint(url, {})
        assert "because of the test" not in caplog.text
        with pytest.raises(requests.HTTPError):
            interop.call_plugin_endpoint(url, {}, debug=True)
        assert "because of the test" in caplog.text


class TestResult:
    @pytest.mark.parametrize(
        ("status", "known_as"),
        [
            ("PENDING", "PENDING"),
            ("SUCCESS", "SUCCESS"),
            ("FAILURE", "FAILURE"),
            ("UNKNOWN", "FAILURE"),
            ("REVOKED", "FAILURE"),
        ],
    )
    def test_status_is_one_of_three(
        self, runner: OtherRunner, status: str, known_as: str
    ) -> None:
        runner.task = {"status": status, "log": "x"}
        assert interop.get_task_result_no_wait(runner.task_url) == (
            known_as,
            runner.task,
        )

    def test_errors_escape(self, runner: OtherRunner) -> None:
        runner.failures.append(404)
        with pytest.raises(requests.HTTPError):
            interop.get_task_result_no_wait(runner.task_url)
        with pytest.raises(requests.ConnectionError):
            interop.get_task_result_no_wait("http://127.0.0.1:9/tasks/1/")

    def test_server_that_hangs_is_a_timeout(self, runner: OtherRunner) -> None:
        runner.answering.clear()
        start = time.monotonic()
        with pytest.raises(requests.Timeout):
            interop.get_task_result_no_wait(runner.task_url)
        assert time.monotonic() - start < 4


class TestSubscribe:
    @pytest.mark.parametrize(
        ("events", "sent"),
        [
            ("all", [None]),
            ("status", ["status"]),
            (["status", "steps"], ["status", "steps"]),
            (("details",), ["details"]),
        ],
    )
    def test_one_subscription_for_each_event(
        self, runner: OtherRunner, events: Any, sent: list[str | None]
    ) -> None:
        assert interop.subscribe(runner.task_url, runner.webhook_url, events)
        assert runner.subscriptions() == [
            {"command": "subscribe", "event": event, "webhookHref": runner.webhook_url}
            for event in sent
        ]

    def test_early_changes_are_looked_for_once_and_later(
        self, runner: OtherRunner, app: Flask
    ) -> None:
        interop.subscribe(runner.task_url, runner.webhook_url, ["status"])
        arguments = {
            "result_url": runner.task_url,
            "webhook_url": runner.webhook_url,
            "monitor": ["status"],
            "retry": False,
        }
        assert queued(app) == [(interop.monitor_result.name, arguments, True)]

    def test_early_changes_are_not_looked_for_if_unwanted(
        self, runner: OtherRunner, app: Flask
    ) -> None:
        assert interop.subscribe(
            runner.task_url, runner.webhook_url, check_for_updates=False
        )
        assert queued(app) == []

    def test_finished_task_takes_subscriptions(self, runner: OtherRunner) -> None:
        runner.task["status"] = "SUCCESS"
        assert interop.subscribe(runner.task_url, runner.webhook_url)

    def test_link_may_be_relative(self, runner: OtherRunner) -> None:
        runner.task["links"] = [{"type": "subscribe", "href": "/tasks/3/"}]
        assert interop.subscribe(runner.task_url, runner.webhook_url)
        assert len(runner.subscriptions()) == 1

    def test_task_without_the_link_cannot_be_subscribed(
        self, runner: OtherRunner, app: Flask
    ) -> None:
        del runner.task["links"]
        assert not interop.subscribe(runner.task_url, runner.webhook_url)
        assert queued(app) == []

    def test_failures_are_swallowed(self, runner: OtherRunner, app: Flask) -> None:
        runner.failures.append(500)
        assert not interop.subscribe(runner.task_url, runner.webhook_url)
        assert not interop.subscribe("http://127.0.0.1:9/", runner.webhook_url)
        assert queued(app) == []


def run(task: Any, **arguments: Any) -> None:
    """Run a task here and now, with all its retries but without their pauses."""
    result = task.apply(kwargs=arguments)
    if result.failed():
        raise result.result


def step(step_id: str, cleared: bool) -> dict[str, Any]:
    return {"stepId": step_id, "cleared": cleared, "href": "", "uiHref": ""}


def pending(*steps: dict[str, Any]) -> dict[str, Any]:
    return {"status": "PENDING", "steps": list(steps)}


class TestMonitorResult:
    def monitor(self, runner: OtherRunner, **options: Any) -> None:
        arguments = {"result_url": runner.task_url, "webhook_url": runner.webhook_url}
        run(interop.monitor_result, **arguments, **options)

    @pytest.mark.parametrize(
        ("document", "event"),
        [
            ({"status": "SUCCESS"}, "status"),
            ({"status": "FAILURE", "steps": [step("a", False)]}, "status"),
            ({"status": "UNKNOWN"}, "status"),
            (pending(step("a", True), step("b", False)), "steps"),
        ],
    )
    def test_change_calls_the_webhook(
        self, runner: OtherRunner, document: dict[str, Any], event: str
    ) -> None:
        runner.task = document
        self.monitor(runner)
        assert runner.calls_of_webhook() == [
            {"key": "a&b", "source": runner.task_url, "event": event}
        ]

    @pytest.mark.parametrize(
        ("monitor", "document"),
        [
            ("all", pending()),
            ("all", pending(step("a", True))),
            ("status", pending(step("a", False))),
            ("steps", {"status": "SUCCESS"}),
            (["steps", "details"], {"status": "SUCCESS"}),
        ],
    )
    def test_single_look_at_an_uninteresting_task(
        self, runner: OtherRunner, monitor: Any, document: dict[str, Any]
    ) -> None:
        runner.task = document
        self.monitor(runner, monitor=monitor, retry=False)
        assert runner.calls == []

    def test_looks_again_until_something_happens(self, runner: OtherRunner) -> None:
        runner.changes = [pending(step("a", True)), *[pending()] * 5]
        runner.changes.append({"status": "SUCCESS"})
        self.monitor(runner)
        assert [call["event"] for call in runner.calls_of_webhook()] == ["status"]
        assert runner.changes == []

    def test_looks_again_after_errors(self, runner: OtherRunner) -> None:
        runner.task = {"status": "SUCCESS"}
        runner.failures = [500, 404]
        self.monitor(runner)
        assert len(runner.calls) == 1

    def test_single_look_hides_errors(self, runner: OtherRunner) -> None:
        runner.failures = [500]
        self.monitor(runner, retry=False)
        assert runner.calls == []

    def test_never_gives_up_and_waits_longer_each_time(self) -> None:
        task = interop.monitor_result
        assert task.max_retries is None
        assert task.retry_backoff is True
        assert task.retry_backoff_max == 60


class TestMonitorSubstep:
    def monitor(self, runner: OtherRunner, substep: Any, retry: bool = False) -> None:
        arguments = {"result_url": runner.task_url, "webhook_url": runner.webhook_url}
        run(interop.monitor_external_substep, **arguments, substep=substep, retry=retry)

    @pytest.mark.parametrize("substep", [0, "a", -2])
    def test_cleared_step_calls_the_webhook(
        self, runner: OtherRunner, substep: Any
    ) -> None:
        runner.task = pending(step("a", True), step("b", False))
        self.monitor(runner, substep)
        assert runner.calls_of_webhook() == [
            {"key": "a&b", "source": runner.task_url, "event": "steps"}
        ]

    @pytest.mark.parametrize("substep", [1, "b"])
    def test_open_step_calls_nobody(self, runner: OtherRunner, substep: Any) -> None:
        runner.task = pending(step("a", True), step("b", False))
        self.monitor(runner, substep)
        assert runner.calls == []

    def test_last_step_of_an_id_counts(self, runner: OtherRunner) -> None:
        runner.task = pending(step("a", True), step("a", False))
        self.monitor(runner, "a")
        assert runner.calls == []

    @pytest.mark.parametrize("substep", [2, -3, "c"])
    def test_unknown_step_is_a_value_error(
        self, runner: OtherRunner, substep: Any
    ) -> None:
        runner.task = pending(step("a", True), step("b", False))
        with pytest.raises(ValueError, match="no step"):
            self.monitor(runner, substep)

    def test_end_of_the_task_calls_the_webhook(self, runner: OtherRunner) -> None:
        runner.task = {"status": "FAILURE"}
        self.monitor(runner, "unknown")
        assert [call["event"] for call in runner.calls_of_webhook()] == ["status"]

    def test_looks_again_until_the_step_is_cleared(self, runner: OtherRunner) -> None:
        runner.task = pending(step("a", False))
        runner.changes = [pending(step("a", False)), pending(step("a", True))]
        self.monitor(runner, "a", retry=True)
        assert [call["event"] for call in runner.calls_of_webhook()] == ["steps"]


class TestWebhook:
    def test_call_has_the_query_and_no_body(self, runner: OtherRunner) -> None:
        source = f"{runner.task_url}?a=1&b=2"
        interop.call_webhook(runner.webhook_url, source, "details")
        query = urlencode({"source": source, "event": "details"})
        assert runner.calls == [(f"{WEBHOOK}&{query}", b"")]

    def test_status_of_the_answer_does_not_matter(self, runner: OtherRunner) -> None:
        runner.failures = [500]
        run(
            interop.call_webhook,
            webhook_url=runner.webhook_url,
            task_url=runner.task_url,
            event_type="status",
        )
        assert len(runner.calls) == 1

    def test_hanging_receiver_is_left_after_a_second(self, runner: OtherRunner) -> None:
        runner.answering.clear()
        start = time.monotonic()
        with pytest.raises(requests.Timeout):
            interop.call_webhook(runner.webhook_url, runner.task_url, "status")
        assert time.monotonic() - start < 2

    def test_dead_receiver_is_called_four_times(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        attempts = []

        def refuse(*args: Any, **kwargs: Any) -> None:
            attempts.append(args)
            raise requests.ConnectionError("refused")

        monkeypatch.setattr(requests.Session, "post", refuse)
        result = interop.call_webhook.apply(args=("http://a", "http://b", "status"))
        assert isinstance(result.result, requests.ConnectionError)
        assert len(attempts) == 4


def test_fetch_policy_counts_for_everything_that_is_sent(
    runner: OtherRunner, app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    assert interop.subscribe(runner.task_url, runner.webhook_url)
    runner.calls.clear()
    app.config["FETCH_ALLOW_PRIVATE_NETWORKS"] = False
    with pytest.raises(ValueError, match="private network"):
        interop.call_plugin_endpoint(f"{runner.host}/plugins/other/process/", {"a": "b"})
    assert not interop.subscribe(runner.task_url, runner.webhook_url)
    interop.call_webhook(runner.webhook_url, runner.task_url, "status")
    assert "is not called" in caplog.text
    assert runner.calls == []
    assert runner.form is None


def test_real_worker_monitors_a_task_to_its_end(runner: OtherRunner, app: Flask) -> None:
    runner.changes = [{"status": "SUCCESS"}]
    with start_worker(CELERY, pool="solo", loglevel="WARNING", perform_ping_check=False):
        interop.monitor_result.s(
            result_url=runner.task_url, webhook_url=runner.webhook_url
        ).apply_async()
        end = time.monotonic() + 20
        while not runner.calls and time.monotonic() < end:
            time.sleep(0.05)
    assert [call["event"] for call in runner.calls_of_webhook()] == ["status"]
