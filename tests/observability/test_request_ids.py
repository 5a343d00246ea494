# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The id of a request: accepted or made, answered, taken along to whatever follows."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urljoin

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from managed_app import build_app
from qhana_plugin_runner import log_context
from runner_process import Runner, runner

HEADER = "X-Request-ID"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """An app with a view that logs and one that fails."""
    app = build_app(tmp_path_factory.mktemp("app"), "sqlite://")

    @app.route("/log/")
    def log() -> dict[str, Any]:
        logging.getLogger("some.library").warning("within the request")
        return dict(log_context.current())

    @app.route("/fail/")
    def fail() -> str:
        raise RuntimeError("broken")

    yield app


@pytest.mark.parametrize("sent", ["abc-1", "0af7651916cd43dd8448eb211c80319c", "a" * 64])
def test_a_valid_id_is_kept(app: Flask, sent: str) -> None:
    answer = app.test_client().get("/log/", headers={HEADER: sent})
    assert answer.headers[HEADER] == sent
    assert answer.json == {"request_id": sent}


@pytest.mark.parametrize("sent", [None, "", "a b", "ä", "a" * 65, "-x", "x;y", '"x"'])
def test_without_a_valid_id_there_is_a_new_one(app: Flask, sent: str | None) -> None:
    headers = {} if sent is None else {HEADER: sent}
    ids = {
        app.test_client().get("/log/", headers=headers).headers[HEADER] for _ in range(2)
    }
    assert len(ids) == 2
    assert sent not in ids


@given(st.text(max_size=80))
def test_an_accepted_id_can_be_written_anywhere(text: str) -> None:
    accepted = log_context.valid_request_id(text)
    assert accepted in (None, text)
    if accepted is not None:
        assert accepted.isascii() and accepted.isprintable()
        assert not set(accepted) & set(" \"'<>\\,;{}")


@pytest.mark.parametrize(
    ("path", "status"), [("/nothing/", 404), ("/fail/", 500), ("/plugins", 308)]
)
def test_every_answer_names_its_id(app: Flask, path: str, status: int) -> None:
    app.config["PROPAGATE_EXCEPTIONS"] = False
    answer = app.test_client().get(path, headers={HEADER: "abc"})
    assert (answer.status_code, answer.headers[HEADER]) == (status, "abc")


def test_pages_of_other_origins_may_read_the_id(app: Flask) -> None:
    answer = app.test_client().get("/log/", headers={"Origin": "http://example.org"})
    assert HEADER in answer.headers["Access-Control-Expose-Headers"]


def test_the_id_is_forgotten_after_the_request(app: Flask) -> None:
    app.test_client().get("/log/", headers={HEADER: "abc"})
    assert log_context.current() == {}


def test_inner_fields_end_with_their_block() -> None:
    with log_context.bound(request_id="a", task_id="1"):
        with log_context.bound(task_id="2", plugin=None):
            assert log_context.current() == {"request_id": "a", "task_id": "2"}
        assert log_context.current() == {"request_id": "a", "task_id": "1"}
    assert log_context.current() == {}


class _Receiver(BaseHTTPRequestHandler):
    calls: list[dict[str, str]] = []

    def do_POST(self) -> None:
        self.calls.append(dict(self.headers))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_arguments: Any) -> None:
        """Stay silent."""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    """A server and a worker that log JSON."""
    folder = tmp_path_factory.mktemp("running")
    with runner(folder, LOG_FORMAT="json") as instance:
        instance.start_server()
        instance.start_worker()
        yield instance


@pytest.fixture(scope="module")
def finished(running: Runner) -> Iterator[tuple[Runner, str, list[dict[str, str]]]]:
    """A task with a subscribed webhook, submitted with the id ``follow-me``."""
    receiver = ThreadingHTTPServer(("127.0.0.1", 0), _Receiver)
    Thread(target=receiver.serve_forever, daemon=True).start()
    running.http.headers[HEADER] = "follow-me"
    url = running.submit({"op": "sleep", "seconds": 1}, {"op": "log", "text": "of lab"})
    running.http.headers[HEADER] = "somebody-else"
    hook = f"http://127.0.0.1:{receiver.server_address[1]}/hook"
    command = {"command": "subscribe", "webhookHref": hook, "event": "status"}
    running.http.post(urljoin(running.url, url), json=command, timeout=10)
    running.wait_task(url)
    running.wait_for(lambda: _Receiver.calls, "server", 10)
    receiver.shutdown()
    receiver.server_close()
    yield running, url, _Receiver.calls


def json_lines(running: Runner, name: str) -> list[dict[str, Any]]:
    """Return the log of a process as objects, without what Celery prints at its start."""
    text = running.log(name)
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def test_the_worker_logs_with_the_id_of_the_request(finished: Any) -> None:
    running, url, _calls = finished
    lines = [
        line
        for line in json_lines(running, "worker")
        if line.get("request_id") == "follow-me"
    ]
    assert "celery.app.trace" in {line["logger"] for line in lines}
    assert {line["plugin"] for line in lines} == {"laboratory@v1-0-0"}
    assert len({line["task_id"] for line in lines}) == 1


def test_the_webhook_is_called_with_the_id_of_the_request(finished: Any) -> None:
    _running, _url, calls = finished
    assert [call[HEADER] for call in calls] == ["follow-me"]


@pytest.mark.parametrize("name", ["server", "worker"])
def test_all_lines_of_all_processes_are_json(finished: Any, name: str) -> None:
    running = finished[0]
    lines = json_lines(running, name)
    assert lines
    for line in lines:
        assert {"time", "level", "logger", "message", "process"} <= line.keys()
    text = running.log(name)
    if name == "server":
        assert all(line.startswith("{") for line in text.splitlines() if line.strip())
        assert {"gunicorn.error"} <= {line["logger"] for line in lines}


def test_errors_carry_their_traceback(running: Runner) -> None:
    running.http.headers[HEADER] = "broken-one"
    running.wait_task(running.submit({"op": "fail", "message": "on purpose"}))

    def lines() -> list[dict[str, Any]]:
        found = json_lines(running, "worker")
        return [line for line in found if line.get("request_id") == "broken-one"]

    running.wait_for(lambda: any("exc" in line for line in lines()), "worker", 10)
    (broken,) = [line["exc"] for line in lines() if "exc" in line]
    assert "Traceback" in broken
    by_tasks = [line for line in lines() if line["logger"] == "qhana-plugin-runner"]
    assert "on purpose" in by_tasks[0]["message"]


def test_text_lines_name_what_they_belong_to(tmp_path: Path) -> None:
    from qhana_plugin_runner.config.settings import default_settings
    from qhana_plugin_runner.util.logging import make_formatter

    formatter = make_formatter(default_settings(debug=False))
    record = logging.makeLogRecord({"msg": "hello", "levelname": "INFO"})
    assert "hello    <" in formatter.format(record)
    with log_context.bound(request_id="abc", task_id="7"):
        assert "hello [request_id=abc task_id=7]    <" in formatter.format(record)
