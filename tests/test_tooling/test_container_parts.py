# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""What a container does beside starting server or worker."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from invoke import Exit

from tooling import healthcheck, localhost_proxy, plugin_environment, shell
from tooling.switches import is_switched_on


def python(interpreter: Path, code: str) -> str:
    command = [str(interpreter), "-c", code]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_the_plugin_environment_sees_its_own_packages_before_the_runners(
    tmp_path: Path,
) -> None:
    interpreter = plugin_environment.make(tmp_path / "environment")
    (packages,) = tmp_path.glob("environment/lib/python*/site-packages")
    (packages / "flask.py").write_text("place = 'environment'")
    assert python(interpreter, "import flask; print(flask.place)") == "environment\n"
    prefix = python(interpreter, "import sys; print(sys.prefix)").strip()
    assert prefix == str(tmp_path / "environment")
    assert python(interpreter, "import sys; print(sys.path)").count("site-packages") == 2


def test_the_plugin_environment_is_kept_until_the_image_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shell, "ROOT", tmp_path)
    (tmp_path / "requirements.txt").write_text("flask==3.0")
    environment = tmp_path / "environment"
    plugin_environment.make(environment)
    (environment / "installed").touch()
    plugin_environment.make(environment)
    assert (environment / "installed").exists()
    (tmp_path / "requirements.txt").write_text("flask==3.1")
    plugin_environment.make(environment)
    assert not (environment / "installed").exists()


def test_a_plugin_environment_that_cannot_be_made_only_warns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("PLUGIN_ENVIRONMENT", str(tmp_path / "file" / "environment"))
    plugin_environment.enter("start-docker")
    assert "PLUGIN_ENVIRONMENT" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "ports"),
    [("", []), (":9090 :5005", [9090, 5005]), ("9090,:5005\n", [9090, 5005])],
)
def test_ports_of_the_localhost_proxy(text: str, ports: list[int]) -> None:
    assert localhost_proxy.ports(text) == ports


@pytest.mark.parametrize("text", ["http", ":0", ":65536", "host:80", "80;rm"])
def test_other_ports_are_refused(text: str) -> None:
    with pytest.raises(Exit, match="LOCALHOST_PROXY_PORTS"):
        localhost_proxy.ports(text)


@pytest.mark.skipif(sys.platform != "linux", reason="uses a second loopback address")
def test_the_localhost_proxy_forwards_both_ways_and_ends_with_its_parent() -> None:
    with socket.create_server(("127.0.0.2", 0)) as host_machine:
        port = host_machine.getsockname()[1]
        env = {
            **os.environ,
            "LOCALHOST_PROXY_PORTS": f":{port}",
            "LOCALHOST_PROXY_HOST": "127.0.0.2",
        }
        code = (
            "from tooling.localhost_proxy import start_in_background as start; "
            "start(); input()"
        )
        parent = subprocess.Popen(
            [sys.executable, "-c", code], cwd=shell.ROOT, env=env, stdin=subprocess.PIPE
        )
        try:
            client = _connect(port)
            client.sendall(b"question")
            client.shutdown(socket.SHUT_WR)
            server, _ = host_machine.accept()
            with client, server:
                assert server.makefile("rb").read() == b"question"
                server.sendall(b"answer")
                server.close()
                assert client.makefile("rb").read() == b"answer"
        finally:
            parent.communicate(b"\n", timeout=20)
        deadline = time.monotonic() + 10
        while _is_open(port):
            assert time.monotonic() < deadline, "the proxy outlives its parent"
            time.sleep(0.1)


def _connect(port: int) -> socket.socket:
    deadline = time.monotonic() + 20
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=5)
        except OSError:
            assert time.monotonic() < deadline, "the proxy does not listen"
            time.sleep(0.1)


def _is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def server_with_status(status: int) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:
            """Keep the output of the tests clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield str(server.server_port)
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (503, False)])
def test_a_server_is_healthy_when_it_answers(status: int, healthy: bool) -> None:
    with server_with_status(status) as port:
        assert (healthcheck.problem({"SERVER_PORT": port}) == "") is healthy


def test_a_server_that_does_not_listen_is_not_healthy() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
    assert f"port {port}" in healthcheck.problem({"SERVER_PORT": port})


def test_a_worker_is_healthy_while_it_renews_its_lease(tmp_path: Path) -> None:
    file = tmp_path / "heartbeat"
    env = {"CONTAINER_MODE": "worker", "WORKER_HEARTBEAT_FILE": str(file)}
    assert "not taken a lease" in healthcheck.problem(env)
    file.touch()
    assert healthcheck.problem(env) == ""
    long_ago = time.time() - 3600
    os.utime(file, (long_ago, long_ago))
    assert "3600 seconds" in healthcheck.problem(env)


@pytest.mark.parametrize("text", ["1", "true", "True", "yes", "on"])
def test_words_that_mean_yes(text: str) -> None:
    assert is_switched_on(text)


@pytest.mark.parametrize("text", [None, "", " ", "0", "false", "False", "no", "off"])
def test_words_that_mean_no(text: str | None) -> None:
    assert not is_switched_on(text)
