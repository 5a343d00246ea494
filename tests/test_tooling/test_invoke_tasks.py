# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The invoke tasks that people and containers rely on, and what they do."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

import pytest
from invoke import Collection, Context, Exit
from invoke.parser import Parser

import tasks
from tooling import checks, dependencies, shell

COLLECTION = Collection.from_module(tasks)

# Names, parameters and defaults that scripts out there use.
CONTRACT: dict[str, dict[str, Any]] = {
    "start": {"port": None},
    "demo": {},
    "test": {},
    "check": {},
    "start-broker": {"port": None},
    "stop-broker": {},
    "reset-broker": {},
    "start-camunda": {"port": None},
    "stop-camunda": {},
    "reset-camunda": {},
    "start-containers": {},
    "stop-containers": {},
    "worker": {
        "pool": "prefork",
        "concurrency": 2,
        "log_level": "INFO",
        "periodic_scheduler": False,
        "queues": "",
        "dev": False,
        "watch": False,
    },
    "celery-status": {},
    "celery-queues": {},
    "celery-inspect": {},
    "celery-enabe-events": {},
    "celery-disable-events": {},
    "celery-monitor": {},
    "purge-task-queues": {},
    "start-gunicorn": {"workers": 1, "log_level": "info", "docker": False},
    "load-git-plugins": {"plugins_path": "./git-plugins"},
    "install-plugin-dependencies": {},
    "upgrade-db": {},
    "await-db": {},
    "ensure-paths": {},
    "start-docker": {},
    "doc": {"format": "html", "all": False, "color": True},
    "update-source-doc": {},
    "browse-doc": {},
    "doc-index": {"filter": ""},
    "list-licenses": {
        "format": "json",
        "include_installed": False,
        "summary": False,
        "short": False,
        "echo": False,
    },
    "update-licenses": {"include_installed": False},
    "update-dependencies": {},
}


@pytest.mark.parametrize("name", CONTRACT)
def test_promised_tasks_have_their_parameters_and_defaults(name: str) -> None:
    parameters = {arg.name: arg.default for arg in COLLECTION[name].get_arguments()}
    assert parameters.items() >= CONTRACT[name].items()


def test_every_task_says_in_one_sentence_what_it_does() -> None:
    for name in COLLECTION.task_names:
        first = (COLLECTION[name].__doc__ or "").strip().splitlines()[0]
        assert first.endswith("."), name


@pytest.mark.parametrize("spelling", ["--log-level=DEBUG", "--log_level=DEBUG"])
def test_flags_are_accepted_with_dashes_and_underscores(spelling: str) -> None:
    parser = Parser(contexts=COLLECTION.to_contexts())
    (context,) = parser.parse_argv(["worker", spelling])
    assert context.args["log_level"].value == "DEBUG"


class Replaced(Exception):
    """Raised in place of replacing the test process."""


@pytest.fixture
def replaced(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[list[str]]:
    """Record the commands that would replace or follow this process."""
    commands: list[list[str]] = []

    def become(command: list[str]) -> NoReturn:
        commands.append(command[1:])
        raise Replaced

    def run(command: list[str], cwd: Path = tmp_path) -> int:
        commands.append(command[1:])
        return 0

    monkeypatch.setattr(shell, "become", become)
    monkeypatch.setattr(shell, "run", run)
    monkeypatch.setattr(shell, "ROOT", tmp_path)
    for name in ("BROKER_URL", "SERVER_PORT", "GUNICORN_WORKERS", "CONTAINER_MODE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("QHANA_PLUGIN_RUNNER_INSTANCE_FOLDER", str(tmp_path / "instance"))
    return commands


def invoke(name: str, **arguments: Any) -> None:
    """Call a task's function."""
    COLLECTION[name].body(Context(), **arguments)


def test_worker_command(replaced: list[list[str]]) -> None:
    """Whatever names the broker: a configuration file is as good as BROKER_URL."""
    with pytest.raises(Replaced):
        invoke("worker", pool="solo", concurrency=3, log_level="DEBUG", queues="a,b")
    expected = (
        "-m celery --app qhana_plugin_runner.celery_worker:CELERY worker "
        "--pool=solo --concurrency 3 --loglevel DEBUG -E --queues a,b"
    )
    assert replaced == [expected.split()]


def test_periodic_scheduler_keeps_its_schedule_in_the_instance_folder(
    replaced: list[list[str]], tmp_path: Path
) -> None:
    with pytest.raises(Replaced):
        invoke("worker", periodic_scheduler=True)
    schedule = str(tmp_path / "instance" / "celerybeat-schedule")
    assert replaced[0][-3:] == ["-B", "--schedule", schedule]


def test_gunicorn_command(
    replaced: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SERVER_PORT", "8081")
    monkeypatch.setenv("GUNICORN_WORKERS", "4")
    with pytest.raises(Replaced):
        invoke("start-gunicorn", workers=2, docker=True)
    command = " ".join(replaced[0])
    assert "--bind 0.0.0.0:8081 --workers 4 " in command
    assert "--worker-tmp-dir /dev/shm" in command
    assert command.endswith("qhana_plugin_runner:create_app()")


def test_a_server_container_migrates_and_starts_gunicorn(
    replaced: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONCURRENCY", "3")
    with pytest.raises(Replaced):
        invoke("start-docker")
    assert replaced[:2] == [["-m", "flask", "install"], ["-m", "flask", "db", "upgrade"]]
    assert " --bind 0.0.0.0:8080 --workers 3 --threads " in " ".join(replaced[2])


@pytest.mark.parametrize(
    ("scheduler", "has_scheduler"),
    [("True", True), ("1", True), ("", False), ("False", False), ("no", False)],
)
def test_a_worker_container_starts_a_worker_without_migrating(
    replaced: list[list[str]],
    monkeypatch: pytest.MonkeyPatch,
    scheduler: str,
    has_scheduler: bool,
) -> None:
    monkeypatch.setenv("CONTAINER_MODE", "worker")
    monkeypatch.setenv("CONCURRENCY", "many")
    monkeypatch.setenv("PERIODIC_SCHEDULER", scheduler)
    with pytest.raises(Replaced):
        invoke("start-docker")
    install, worker = replaced
    assert install == ["-m", "flask", "install"]
    assert "--pool=prefork --concurrency 1 --loglevel INFO" in " ".join(worker)
    assert ("-B" in worker) is has_scheduler


def test_another_container_mode_is_refused_with_both_names(
    replaced: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONTAINER_MODE", "both")
    with pytest.raises(Exit, match="'both'.*'server'.*'worker'"):
        invoke("start-docker")
    assert replaced == []


def test_failures_before_the_start_only_warn(
    replaced: list[list[str]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(shell, "run", lambda command: 1)
    invoke("upgrade-db")
    invoke("install-plugin-dependencies")
    assert capsys.readouterr().err.count("WARNING") == 2


def test_await_db_returns_when_all_hosts_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        monkeypatch.setenv("WAIT_HOSTS", f"{address}, {address}")
        invoke("await-db")


def test_await_db_gives_up_after_its_time_out(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    monkeypatch.setenv("WAIT_HOSTS", f"127.0.0.1:{port}")
    monkeypatch.setenv("WAIT_TIMEOUT", "0.2")
    monkeypatch.setenv("WAIT_SLEEP_INTERVAL", "0.1")
    began = time.monotonic()
    with pytest.raises(Exit, match=f"127.0.0.1:{port} does not answer"):
        invoke("await-db")
    assert time.monotonic() - began < 5


def test_await_db_names_an_address_it_cannot_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WAIT_HOSTS", "postgres")
    with pytest.raises(Exit, match="'postgres'"):
        invoke("await-db")


def test_check_goes_on_after_a_failure_and_sums_up(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    steps = {
        "first": [sys.executable, "-c", "raise SystemExit(2)"],
        "second": [sys.executable, "-c", ""],
        "third": [sys.executable, "-c", "raise SystemExit(2)"],
    }
    monkeypatch.setattr(checks, "check_steps", lambda: steps)
    with pytest.raises(Exit) as exit_:
        invoke("check", only=[], skip=["third"])
    assert exit_.value.code == 1
    report = capfd.readouterr().out.splitlines()[-2:]
    assert [line.split()[:2] for line in report] == [
        ["first", "failed"],
        ["second", "passed"],
    ]


def test_check_refuses_unknown_steps() -> None:
    with pytest.raises(Exit, match="Unknown step typos"):
        invoke("check", only=["typos"], skip=[])


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("MIT", True),
        ("BSD-3-Clause AND 0BSD AND MIT AND Zlib AND CC0-1.0", True),
        ("Apache-2.0 OR GPL-3.0", True),
        ("MIT AND GPL-3.0", False),
        ("GNU General Public License (GPL)", False),
        ("UNKNOWN", False),
    ],
)
def test_allowed_licenses(text: str, allowed: bool) -> None:
    assert dependencies.is_allowed_license(text) is allowed


@pytest.mark.parametrize(
    ("format", "text"),
    [
        ("json", '[\n  {\n    "a": "1",\n    "b": "<x>"\n  }\n]'),
        ("csv", "a,b\n1,<x>"),
        ("markdown", "| a | b |\n| --- | --- |\n| 1 | <x> |"),
        ("plain", "a  b\n1  <x>"),
        (
            "html",
            "<table>\n<tr><td>a</td><td>b</td></tr>\n"
            "<tr><td>1</td><td>&lt;x&gt;</td></tr>\n</table>",
        ),
    ],
)
def test_formats_of_a_table(format: str, text: str) -> None:
    assert dependencies.table([{"a": "1", "b": "<x>"}], format) == text


def test_the_licences_of_all_dependencies_are_allowed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    invoke("list-licenses", format="json", short=True)
    listed = {row["name"] for row in json.loads(capsys.readouterr().out)}
    assert {"Flask", "celery", "SQLAlchemy"} <= listed
    assert "pytest" not in listed


@pytest.fixture
def container_tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a container program that notes its arguments in place of docker."""
    program, log = tmp_path / "docker", tmp_path / "log"
    program.write_text(f'#!/bin/sh\necho "$@" >> {log}\n[ "$1" != run ] || echo abc123\n')
    program.chmod(0o700)
    monkeypatch.setenv("DOCKER_CMD", str(program))
    monkeypatch.delenv("REDIS_CONTAINER_ID", raising=False)
    monkeypatch.delenv("REDIS_PORT", raising=False)
    monkeypatch.setattr(shell, "ROOT", tmp_path)
    return log


def test_a_broker_container_is_remembered_and_used_again(
    container_tool: Path, tmp_path: Path
) -> None:
    invoke("start-broker", port=6390)
    assert "REDIS_CONTAINER_ID='abc123'" in (tmp_path / ".env").read_text()
    invoke("start-broker")
    invoke("stop-broker")
    invoke("reset-broker")
    assert "REDIS_CONTAINER_ID" not in (tmp_path / ".env").read_text()
    assert container_tool.read_text().splitlines() == [
        "run -d -p 6390:6379 docker.io/library/redis:7",
        "restart abc123",
        "stop abc123",
        "stop abc123",
        "rm abc123",
    ]


def test_the_list_of_tasks_needs_no_settings_and_no_database(tmp_path: Path) -> None:
    result = subprocess.run(
        shell.python("invoke", "--search-root", shell.ROOT, "--list"),
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    assert "start-gunicorn" in result.stdout
