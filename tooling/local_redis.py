# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""A Redis server as a process of this machine, where no container engine is."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

from invoke import Exit

from . import shell

_SECONDS = 10.0
_DUMP = "local-redis.rdb"


def _pid_file() -> Path:
    return shell.instance_folder() / "local-redis.pid"


def _running_process() -> int | None:
    """Return the id of the server that an earlier command has started."""
    try:
        number = int(_pid_file().read_text())
        command = subprocess.run(
            ["ps", "-p", str(number), "-o", "comm="], capture_output=True, text=True
        )
    except (OSError, ValueError):
        return None
    # After a restart of the machine the number may be that of another program.
    return number if command.stdout.strip() == "redis-server" else None


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def is_known() -> bool:
    """Tell whether a server was started here and not reset."""
    return _pid_file().exists()


def start(port: int) -> None:
    """Start the server on a port of the loopback interface, if it does not run yet.

    Raises:
        Exit: when the program is missing, or the port is taken.
    """
    if _running_process() is not None:
        print("The local Redis server runs already.")
        return
    program = shutil.which("redis-server")
    if program is None:
        raise Exit(
            "There is no container engine and no redis-server: install one of them, or "
            "leave BROKER_URL unset, the runner has a broker of its own."
        )
    if _listens(port):
        raise Exit(f"Port {port} is taken; choose another one with --port.")
    folder = shell.instance_folder()
    folder.mkdir(parents=True, exist_ok=True)
    options = ["--bind", "127.0.0.1", "--port", str(port), "--daemonize", "yes"]
    options += ["--dir", str(folder), "--dbfilename", _DUMP]
    options += [
        "--pidfile",
        str(_pid_file()),
        "--logfile",
        str(folder / "local-redis.log"),
    ]
    subprocess.run([program, *options], check=True, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + _SECONDS
    while not (_listens(port) and is_known()):
        if time.monotonic() > deadline:
            raise Exit(f"redis-server did not start, see {folder / 'local-redis.log'}.")
        time.sleep(0.05)


def stop() -> None:
    """Stop the server; it keeps its messages for the next start."""
    number = _running_process()
    if number is None:
        print("No local Redis server runs.")
        return
    os.kill(number, signal.SIGTERM)
    deadline = time.monotonic() + _SECONDS
    while _running_process() is not None:
        if time.monotonic() > deadline:
            raise Exit(f"The local Redis server (process {number}) does not end.")
        time.sleep(0.05)


def reset() -> None:
    """Stop the server and remove its messages."""
    stop()
    for file in (_pid_file(), _pid_file().with_name(_DUMP)):
        with contextlib.suppress(FileNotFoundError):
            file.unlink()
