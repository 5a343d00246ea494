# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Broker and worker commands with a real Redis."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import redis

from runner_process import free_port
from tooling import shell


class Commands:
    """Invoke commands for an installation of their own.

    Args:
        folder: its instance folder and log.
        port: where its Redis listens.
    """

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port
        self.url = f"redis://127.0.0.1:{port}"
        self.env = {
            **os.environ,
            "DOCKER_CMD": "redis-server",
            "QHANA_PLUGIN_RUNNER_INSTANCE_FOLDER": str(folder / "instance"),
            "PLUGIN_FOLDERS": str(shell.ROOT / "plugins"),
            "SQLALCHEMY_DATABASE_URI": f"sqlite:///{folder}/test.db",
            "BROKER_URL": self.url,
            "RESULT_BACKEND": self.url,
            "CELERY_QUEUE": "command-test",
            "FLASK_DEBUG": "false",
        }

    def command(self, *arguments: str) -> list[str]:
        return shell.python("invoke", *arguments)

    def run(self, *arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments),
            cwd=shell.ROOT,
            env=self.env,
            input=text,
            capture_output=True,
            text=True,
            timeout=120,
        )

    def client(self) -> redis.Redis:
        return redis.Redis(port=self.port)


@pytest.fixture(scope="module")
def commands(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Commands]:
    if shutil.which("redis-server") is None:
        pytest.skip("needs redis-server")
    found = Commands(tmp_path_factory.mktemp("commands"), free_port())
    started = found.run("start-broker", "--port", str(found.port))
    assert started.returncode == 0, started.stderr
    yield found
    found.run("reset-broker")


def test_a_local_broker_keeps_its_messages_until_it_is_reset(commands: Commands) -> None:
    port = str(commands.port)
    commands.client().rpush("kept", "message")
    again = commands.run("start-broker", "--port", port)
    assert "runs already" in again.stdout
    assert commands.run("stop-broker").returncode == 0
    with pytest.raises(redis.ConnectionError):
        commands.client().ping()
    commands.run("start-broker", "--port", port)
    assert commands.client().lrange("kept", 0, -1) == [b"message"]
    commands.run("reset-broker")
    commands.run("start-broker", "--port", port)
    assert commands.client().exists("kept") == 0


def test_a_taken_port_is_named(commands: Commands, tmp_path: Path) -> None:
    other = Commands(tmp_path, commands.port)
    result = other.run("start-broker", "--port", str(commands.port))
    assert result.returncode == 1
    assert f"Port {commands.port} is taken" in result.stderr


def test_commands_look_after_a_worker_and_its_queues(commands: Commands) -> None:
    flask = [sys.executable, "-m", "flask", "--app", "qhana_plugin_runner", "db"]
    subprocess.run(
        [*flask, "upgrade"], cwd=shell.ROOT, env=commands.env, check=True, timeout=120
    )
    arguments = ("--pool=solo", "--log_level=INFO", "--queues=command-test,second")
    log = commands.folder / "worker.log"
    with log.open("w") as file:
        worker = subprocess.Popen(
            commands.command("worker", *arguments),
            cwd=shell.ROOT,
            env=commands.env,
            stdout=file,
            stderr=file,
        )
    try:
        deadline = time.monotonic() + 60
        while " ready." not in log.read_text():
            assert worker.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)
        assert "1 node online" in commands.run("celery-status").stdout
        assert "command-test" in commands.run("celery-queues").stdout
        assert "solo" in commands.run("celery-inspect").stdout
        assert "second" in log.read_text()
    finally:
        worker.terminate()
        assert worker.wait(60) == 0


def test_queues_are_purged_only_after_the_word(commands: Commands) -> None:
    client = commands.client()
    client.rpush("command-test", "{}")
    refused = commands.run("purge-task-queues", text="yes\n")
    assert (refused.returncode, client.llen("command-test")) == (1, 1)
    assert commands.run("purge-task-queues", text="purge\n").returncode == 0
    assert client.llen("command-test") == 0


def test_a_watched_worker_restarts_with_new_code_and_ends_with_its_command(
    commands: Commands, tmp_path: Path
) -> None:
    plugins = tmp_path / "plugins"
    plugins.mkdir()
    shutil.copy(shell.ROOT / "plugins" / "hello_world.py", plugins)
    log = tmp_path / "watched.log"
    with log.open("w") as file:
        watcher = subprocess.Popen(
            commands.command("worker", "--pool=solo", "--watch"),
            cwd=shell.ROOT,
            env={**commands.env, "PLUGIN_FOLDERS": str(plugins)},
            stdout=file,
            stderr=file,
        )
    try:
        for count in (1, 2):
            deadline = time.monotonic() + 60
            while log.read_text().count(" ready.") < count:
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.2)
            workers = psutil.Process(watcher.pid).children(recursive=True)
            (plugins / "hello_world.py").touch()
        assert "The code has changed" in log.read_text()
    finally:
        watcher.terminate()
        watcher.wait(60)
    _, alive = psutil.wait_procs(workers, timeout=20)
    assert alive == []
