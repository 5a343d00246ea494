# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The production server with clients that are slow, and when it is told to end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import requests

from runner_process import free_port
from tooling import shell
from tooling.server import gunicorn_command

TESTS = Path(__file__).resolve().parent.parent


class Server:
    """A gunicorn process with the runner and the views of ``slow_app``."""

    def __init__(self, folder: Path, workers: int = 1, arguments: str = "") -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        command = gunicorn_command(f"127.0.0.1:{self.port}", workers, "info", "/tmp")
        env = {
            **os.environ,
            "PYTHONPATH": f"{shell.ROOT}{os.pathsep}{TESTS}",
            "QHANA_PLUGIN_RUNNER_INSTANCE_FOLDER": str(folder),
            "PLUGIN_FOLDERS": str(shell.ROOT / "plugins"),
            "GUNICORN_CLIENT_TIMEOUT": "1.5",
            "GUNICORN_CMD_ARGS": arguments,
        }
        self.log = folder / "log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [*command[:-1], "slow_app:create()"],
                cwd=shell.ROOT,
                env=env,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.http = requests.Session()
        self.http.trust_env = False

    def get(self, path: str, timeout: float = 20) -> requests.Response:
        return self.http.get(f"{self.url}{path}", timeout=timeout)

    def wait(self) -> None:
        deadline = time.monotonic() + 60
        while True:
            try:
                self.get("/")
                return
            except requests.RequestException:
                assert time.monotonic() < deadline, self.log.read_text()
                time.sleep(0.1)

    def connect(self, request: bytes) -> socket.socket:
        """Send (part of) a request and do nothing more."""
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(20)
        client.connect(("127.0.0.1", self.port))
        client.sendall(request)
        return client


@contextmanager
def running(folder: Path, workers: int = 1, arguments: str = "") -> Iterator[Server]:
    server = Server(folder, workers, arguments)
    try:
        server.wait()
        yield server
    finally:
        if server.process.poll() is None:
            os.killpg(server.process.pid, signal.SIGKILL)
        server.process.wait()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("server")) as server:
        yield server


GET_FILE = b"GET /test/file/ HTTP/1.1\r\nHost: localhost\r\n\r\n"
GET_STREAM = b"GET /test/stream/ HTTP/1.1\r\nHost: localhost\r\n\r\n"
POST = (
    b"POST /test/form/ HTTP/1.1\r\nHost: localhost\r\n"
    b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\n"
    b"inputStr="
)


@pytest.mark.parametrize(
    "request_",
    [GET_FILE, GET_STREAM, POST, POST[:40]],
    ids=["file", "stream", "body", "head"],
)
def test_stalled_clients_delay_nobody(server: Server, request_: bytes) -> None:
    with ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(server.connect(request_))
        began = time.monotonic()
        assert server.get("/health/live").status_code == 200
        assert time.monotonic() - began < 1


@pytest.mark.parametrize(
    "request_", [GET_FILE, GET_STREAM, POST[:40]], ids=["file", "stream", "head"]
)
def test_a_stalled_client_loses_its_connection(server: Server, request_: bytes) -> None:
    with server.connect(request_) as client:
        time.sleep(3)
        # What was on its way arrives, then the connection ends before the file does.
        received = 0
        try:
            while block := client.recv(1_000_000):
                received += len(block)
        except ConnectionError:
            pass
        assert received < 50_000_000


def test_a_body_that_does_not_come_is_answered_with_408(server: Server) -> None:
    with server.connect(POST) as client:
        answer = client.makefile("rb").read()
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 408 ")
    assert b"application/json" in head
    assert b'"code"' in body


def test_a_client_that_pauses_for_a_short_time_is_served(server: Server) -> None:
    with server.connect(POST) as client:
        time.sleep(0.7)
        client.sendall(b"x" * 91)
        assert client.recv(100).startswith(b"HTTP/1.1 200 ")


def test_a_request_may_take_longer_than_the_time_out_of_workers(tmp_path: Path) -> None:
    with running(tmp_path, arguments="--timeout 1") as server:
        assert server.get("/test/slow/3.0/").text == "done"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("to_group", [False, True], ids=["process", "terminal"])
def test_a_running_request_is_finished_before_the_end(
    tmp_path: Path, number: signal.Signals, to_group: bool
) -> None:
    with running(tmp_path, workers=2) as server:
        answers: list[int] = []
        client = threading.Thread(
            target=lambda: answers.append(server.get("/test/slow/2.0/").status_code)
        )
        client.start()
        time.sleep(0.7)
        kill = os.killpg if to_group else os.kill
        kill(server.process.pid, number)
        client.join(20)
        assert answers == [200]
        assert server.process.wait(20) == 0


def test_a_reload_finishes_requests_and_serves_new_ones(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        answers: list[int] = []
        client = threading.Thread(
            target=lambda: answers.append(server.get("/test/slow/2.0/").status_code)
        )
        client.start()
        time.sleep(0.7)
        server.process.send_signal(signal.SIGHUP)
        client.join(20)
        assert answers == [200]
        assert requests.get(f"{server.url}/health/live", timeout=20).status_code == 200
