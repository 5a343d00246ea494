# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""``invoke start``: one terminal, one life for server and worker."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from invoke import Exit

from tooling import shell
from tooling.start import refuse_taken_port, start_environment, start_port
from tooling.supervisor import Supervisor

ROOT = Path(__file__).resolve().parent.parent.parent

# A supervisor in a process of its own, because it handles signals.
SUPERVISE = """
import os, sys
from tooling.supervisor import Supervisor
supervisor = Supervisor(os.environ, sys.stdout, grace=float(sys.argv[1]))
code = dict(part.split("=", 1) for part in sys.argv[2:])
sys.exit(supervisor.supervise({k: [sys.executable, "-c", v] for k, v in code.items()}))
"""
SLEEP = "import os, time; print('pid', os.getpid(), flush=True); time.sleep(60)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + SLEEP


class Run:
    """A supervisor process, what it has printed and the processes below it."""

    def __init__(self, grace: float, **code: str) -> None:
        arguments = [f"{name}={text}" for name, text in code.items()]
        self.process = subprocess.Popen(
            [sys.executable, "-c", SUPERVISE, str(grace), *arguments],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.lines: list[str] = []

    def pids(self, count: int) -> list[int]:
        """Read lines until ``count`` children have told their process ids."""
        assert self.process.stdout is not None
        while len(self._told()) < count:
            self.lines.append(self.process.stdout.readline())
        return self._told()

    def _told(self) -> list[int]:
        return [int(pid) for pid in re.findall(r"pid (\d+)", "".join(self.lines))]

    def end(self) -> str:
        """Wait for the end and return everything printed."""
        rest, _ = self.process.communicate(timeout=20)
        return "".join(self.lines) + rest


@pytest.fixture
def runs() -> Iterator[list[Run]]:
    started: list[Run] = []
    yield started
    for run in started:
        if run.process.poll() is None:
            run.process.terminate()
            run.process.communicate(timeout=20)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_all_processes_with_status_0(runs: list[Run], number: int) -> None:
    runs.append(run := Run(10, server=SLEEP, worker=SLEEP))
    pids = run.pids(2)
    run.process.send_signal(number)
    output = run.end()
    assert run.process.returncode == 0
    assert not any(psutil.pid_exists(pid) for pid in pids)
    assert "stop   | server ended" in output
    assert "stop   | worker ended" in output


def test_every_line_has_the_name_of_its_process(runs: list[Run]) -> None:
    runs.append(run := Run(10, server="print('one\\ntwo')", worker=SLEEP))
    lines = run.end().splitlines()
    assert lines.count("server | one") == 1
    assert lines.count("server | two") == 1
    assert all(re.match(r"(server|worker|stop  ) \| ", line) for line in lines)


@pytest.mark.parametrize(
    ("code", "status", "words"),
    [
        ("import sys; sys.exit(3)", 3, "worker ended (status 3), ending server"),
        ("pass", 1, "worker ended (status 0), ending server"),
        (
            "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
            137,
            "worker ended (signal SIGKILL), ending server",
        ),
    ],
)
def test_the_end_of_one_process_ends_the_other_and_is_the_status(
    runs: list[Run], code: str, status: int, words: str
) -> None:
    runs.append(run := Run(10, server=SLEEP, worker="import time; time.sleep(1);" + code))
    (pid,) = run.pids(1)
    assert words in run.end()
    assert run.process.returncode == status
    assert not psutil.pid_exists(pid)


def test_a_process_that_does_not_end_is_killed_after_the_grace_time(
    runs: list[Run],
) -> None:
    runs.append(run := Run(0.5, server=STUBBORN))
    run.pids(1)
    run.process.send_signal(signal.SIGINT)
    assert "server was killed" in run.end()
    assert run.process.returncode == 0


def test_a_second_ctrl_c_kills_at_once(runs: list[Run]) -> None:
    runs.append(run := Run(60, server=STUBBORN))
    run.pids(1)
    run.process.send_signal(signal.SIGINT)
    assert run.process.stdout is not None
    run.process.stdout.readline()
    time.sleep(0.3)
    run.process.send_signal(signal.SIGINT)
    assert "server was killed" in run.end()


def test_a_second_sigterm_changes_nothing(runs: list[Run]) -> None:
    slow = "signal.signal(signal.SIGTERM, lambda *_: (time.sleep(1), os._exit(0)))"
    code = f"import os, signal, time; {slow}; print('pid', os.getpid()); time.sleep(60)"
    runs.append(run := Run(60, server=code))
    run.pids(1)
    run.process.terminate()
    time.sleep(0.3)
    run.process.terminate()
    assert "server ended" in run.end()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children")
def test_a_killed_supervisor_leaves_nothing_running(runs: list[Run]) -> None:
    runs.append(run := Run(10, server=SLEEP, worker=SLEEP))
    children = [psutil.Process(pid) for pid in run.pids(2)]
    run.process.kill()
    _, alive = psutil.wait_procs(children, timeout=10)
    assert alive == []


def test_the_status_of_a_first_step_is_returned(
    capfd: pytest.CaptureFixture[str],
) -> None:
    supervisor = Supervisor(os.environ, sys.stdout)
    command = [sys.executable, "-c", "print('migrating'); raise SystemExit(4)"]
    assert supervisor.run_first("setup", command) == 4
    assert capfd.readouterr().out == "setup  | migrating\n"


def test_a_taken_port_is_one_line_that_names_the_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        result = subprocess.run(
            shell.python("invoke", "start", "--port", port),
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
    assert result.returncode == 1
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert f"Port {port} " in line


def test_a_free_port_is_not_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    refuse_taken_port("127.0.0.1", port)


@pytest.mark.parametrize(
    ("env", "argument", "port"),
    [
        ({}, None, 5005),
        ({"FLASK_RUN_PORT": "5006"}, None, 5006),
        ({"FLASK_RUN_PORT": "5006", "PORT": "5007"}, None, 5007),
        ({"PORT": "5007"}, 5008, 5008),
    ],
)
def test_where_the_port_comes_from(
    env: dict[str, str], argument: int | None, port: int
) -> None:
    assert start_port(env, argument) == port


@pytest.mark.parametrize("text", ["0", "65536", "http", "-1", "٥٠٠٥", "50 05"])
def test_a_port_that_is_none_is_refused_by_value(text: str) -> None:
    with pytest.raises(Exit, match=re.escape(f"'{text}' is no port")):
        start_port({"PORT": text})


@pytest.fixture
def settings_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(shell, "ROOT", tmp_path)
    (tmp_path / ".flaskenv").write_text("FLASK_DEBUG=true\nA=flaskenv\nB=flaskenv\n")
    (tmp_path / ".env").write_text("B=env\nC=env\n")
    return tmp_path


@pytest.mark.usefixtures("settings_files")
def test_env_wins_over_flaskenv_and_the_real_environment_over_both() -> None:
    env = shell.environment({"C": "real"})
    assert env == {"FLASK_DEBUG": "true", "A": "flaskenv", "B": "env", "C": "real"}


def test_start_uses_debug_mode_only_when_asked(settings_files: Path) -> None:
    assert start_environment({})["FLASK_DEBUG"] == "false"
    assert start_environment({"FLASK_DEBUG": "1"})["FLASK_DEBUG"] == "1"
    (settings_files / ".env").write_text("FLASK_DEBUG=yes\n")
    assert start_environment({})["FLASK_DEBUG"] == "yes"
