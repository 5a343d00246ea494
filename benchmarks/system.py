# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The runner as operators run it, with a database and a queue of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import sqlalchemy as sa
from kombu import Connection

from benchmarks.load import connect, fetch, get_request

ROOT = Path(__file__).resolve().parent.parent
HELLO_WORLD = "plugins/hello-world@v1-0-0/"


@dataclass(frozen=True)
class Settings:
    """What all benchmarks agree on.

    Attributes:
        database: URL of a database server, where each system gets a database of its own;
            ``sqlite`` for a file.
        broker: URL of the broker; empty for the embedded one.
        server_processes: processes of the server, eight threads each.
        pool: processes of the worker.
        rounds: how often each pair of value and limit is measured.
        seconds: how long a load lasts in a round.
        scale: share of the data that is used (1 is what the floors are for).
    """

    database: str
    broker: str
    server_processes: int = 2
    pool: int = 2
    rounds: int = 5
    seconds: float = 3
    scale: float = 1


def free_port() -> int:
    """Return a TCP port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Processes:
    """Processes that end together.

    Attributes:
        folder: their working folder, with their logs.
        environment: their environment.
    """

    folder: Path
    environment: dict[str, str]
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str, *command: str) -> subprocess.Popen[bytes]:
        """Start a Python module, or any program whose name is a path."""
        prefix = [] if command[0].startswith("/") else [sys.executable, "-m"]
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [*prefix, *command],
                env=self.environment,
                cwd=self.folder,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.running[name] = process
        return process

    def log(self, name: str) -> str:
        """Return what a process has written."""
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def cpu_seconds(self, name: str) -> float:
        """Return the CPU time that a process and its children have used."""
        parent = psutil.Process(self.running[name].pid)
        times = [process.cpu_times() for process in _family(parent)]
        return sum(t.user + t.system for t in times)

    def memory_bytes(self, name: str) -> int:
        """Return the proportional share of memory of a process and its children."""
        parent = psutil.Process(self.running[name].pid)
        return sum(process.memory_full_info().pss for process in _family(parent))

    def connections(self, name: str, url: str, count: int) -> list[socket.socket]:
        """Open connections to a server, equally many to each of its processes.

        Otherwise chance decides, and one process with all of them is three times slower.

        Args:
            name: a server of :meth:`start_gunicorn`.
            url: one of its pages.
            count: how many; a multiple of the number of processes.

        Raises:
            RuntimeError: if a process takes none of many connections.
        """
        processes = psutil.Process(self.running[name].pid).children()
        shares: dict[int, list[socket.socket]] = {p.pid: [] for p in processes}
        share, surplus = count // len(shares), []
        for _ in range(50 * count):
            if all(len(sockets) == share for sockets in shares.values()):
                break
            sock = connect(url)
            fetch(sock, get_request(url))
            owner = shares[_owner(sock, processes)]
            (owner if len(owner) < share else surplus).append(sock)
        else:
            raise RuntimeError(f"The processes of {name} do not share connections.")
        for sock in surplus:
            sock.close()
        return [sock for sockets in shares.values() for sock in sockets]

    def stop(self, name: str) -> None:
        """End a process and its children."""
        process = self.running.pop(name)
        process.terminate()
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def stop_all(self) -> None:
        """End all of them."""
        for name in list(self.running):
            self.stop(name)

    def wait_for_port(self, name: str, port: int, seconds: float = 120) -> None:
        """Wait until a process listens; show its log if it does not.

        Raises:
            RuntimeError: if it ends before, or does not listen in time.
        """
        deadline = time.monotonic() + seconds
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=2).close()
                return
            except OSError:
                self._check(name, deadline)

    def start_gunicorn(
        self,
        name: str,
        port: int,
        app: str,
        processes: int = 2,
        threads: int = 8,
        kind: Sequence[str] = ("--worker-class", "gthread"),
    ) -> None:
        """Start a server, with the options of ``invoke``, and wait for its processes."""
        options = ["--bind", f"127.0.0.1:{port}", "--workers", str(processes)]
        options += [*kind, "--threads", str(threads)]
        # What exceeds the threads may stay open between two requests.
        options += ["--worker-connections", str(threads + 1000)]
        options += ["--worker-tmp-dir", "/dev/shm", "--log-level", "warning"]
        self.start(name, "gunicorn", *options, "--no-control-socket", app)
        self.wait_for_port(name, port)
        # It listens before all of its processes are there.
        deadline = time.monotonic() + 60
        while len(psutil.Process(self.running[name].pid).children()) < processes:
            self._check(name, deadline)

    def wait_for_text(self, name: str, text: str, seconds: float = 120) -> None:
        """Wait until a process has written a text, as :meth:`wait_for_port`."""
        deadline = time.monotonic() + seconds
        while text not in self.log(name):
            self._check(name, deadline)

    def _check(self, name: str, deadline: float) -> None:
        ended = self.running[name].poll() is not None
        if ended or time.monotonic() > deadline:
            raise RuntimeError(f"{name} is not ready:\n{self.log(name)[-4000:]}")
        time.sleep(0.05)


def _owner(sock: socket.socket, processes: list[psutil.Process]) -> int:
    """Return the id of the process at the other end of a connection."""
    address = sock.getsockname()[:2]
    for process in processes:
        others = [connection.raddr for connection in process.net_connections("tcp")]
        if address in [tuple(other) for other in others if other]:
            return process.pid
    raise RuntimeError("A connection belongs to no process of the server.")


def _family(parent: psutil.Process) -> list[psutil.Process]:
    return [parent, *parent.children(recursive=True)]


@dataclass
class System(Processes):
    """A runner: ``url`` answers while its server runs.

    Attributes:
        settings: what it was started with.
    """

    settings: Settings = field(default_factory=lambda: Settings("sqlite", ""))
    port: int = field(default_factory=free_port)

    @property
    def url(self) -> str:
        """The root URL."""
        return f"http://127.0.0.1:{self.port}/"

    @property
    def database_url(self) -> str:
        """The database of this system."""
        return self.environment["SQLALCHEMY_DATABASE_URI"]

    def flask(self, *arguments: str) -> str:
        """Run a flask command to its end; returns what it printed."""
        command = [sys.executable, "-m", "flask", "--app", "qhana_plugin_runner"]
        return subprocess.run(
            [*command, *arguments],
            env=self.environment,
            cwd=self.folder,
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    def start_server(self) -> None:
        """Start the server and wait until it answers."""
        app = "qhana_plugin_runner:create_app()"
        self.start_gunicorn("server", self.port, app, self.settings.server_processes)

    def start_worker(self, name: str = "worker", pool: int | None = None) -> None:
        """Start a worker and wait until it takes tasks."""
        app = "qhana_plugin_runner.celery_worker:CELERY"
        size = str(pool or self.settings.pool)
        options = ["--pool=prefork", f"--concurrency={size}", "--loglevel=INFO"]
        host = f"--hostname={name}-{self.port}@%h"
        self.start(name, "celery", "--app", app, "worker", *options, host)
        self.wait_for_text(name, " ready.")


@contextmanager
def fresh_database(server: str, folder: Path) -> Iterator[str]:
    """Yield the URL of an empty database that is dropped afterwards."""
    if server == "sqlite":
        yield f"sqlite:///{folder}/benchmark.db"
        return
    name = f"benchmark_{uuid.uuid4().hex[:12]}"
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    try:
        url = sa.make_url(server).set(database=name)
        yield url.render_as_string(hide_password=False)
    finally:
        with engine.connect() as connection:
            connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))
        engine.dispose()


@contextmanager
def system(
    settings: Settings,
    environment: Mapping[str, str] | None = None,
    plugins: Sequence[Path] = (ROOT / "plugins" / "hello_world.py",),
) -> Iterator[System]:
    """Yield a system with an up-to-date database; nothing is started.

    Args:
        settings: database, broker and sizes.
        environment: more settings of the runner.
        plugins: files and folders that are its plugins.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        plugin_folder = folder / "plugins"
        plugin_folder.mkdir()
        (folder / "instance").mkdir()
        for plugin in plugins:
            (plugin_folder / plugin.name).symlink_to(plugin)
        database = stack.enter_context(fresh_database(settings.database, folder))
        runner = System(folder, {}, settings=settings)
        runner.environment = {
            **base_environment(),
            "QHANA_PLUGIN_RUNNER_INSTANCE_FOLDER": str(folder / "instance"),
            "PLUGIN_FOLDERS": str(plugin_folder),
            "SQLALCHEMY_DATABASE_URI": database,
            "CELERY_QUEUE": f"benchmark-{runner.port}",
            "BROKER_URL": settings.broker,
            **(environment or {}),
        }
        if settings.broker:
            queue = runner.environment["CELERY_QUEUE"]
            stack.callback(_delete_queue, settings.broker, queue)
        stack.callback(runner.stop_all)
        runner.flask("db", "upgrade")
        yield runner


def _delete_queue(broker: str, queue: str) -> None:
    """Delete a queue: tasks that no worker took stay on the broker otherwise."""
    with Connection(broker) as connection:
        connection.default_channel.queue_delete(queue)


def base_environment() -> dict[str, str]:
    """Return the environment that all measured processes share."""
    names = ("RESULT_BACKEND", "FLASK_DEBUG", "FLASK_ENV", "SERVER_NAME")
    inherited = {key: value for key, value in os.environ.items() if key not in names}
    return {**inherited, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
