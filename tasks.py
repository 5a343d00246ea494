# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Developer and container commands: ``invoke --list`` shows them all.

Settings come from the real environment, then ``.env``, then ``.flaskenv``; the first one
that knows a variable wins. Commands run with the interpreter that runs invoke, so they
work the same in ``.venv``, under ``poetry run`` and in the container.
"""

import csv
import ctypes
import html
import io
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import webbrowser
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, NoReturn

from dotenv import dotenv_values, set_key, unset_key
from invoke import Context, Exit, task
from invoke.parser import ParserContext
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent
# Loaded before any fork, for _end_with_parent.
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
CELERY_APP = "qhana_plugin_runner.celery_worker:CELERY"
DEFAULT_PORT = 5005


def environment(real: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment for child processes, from all three sources."""
    merged = {**dotenv_values(ROOT / ".flaskenv"), **dotenv_values(ROOT / ".env")}
    known = {key: value for key, value in merged.items() if value is not None}
    return {**known, **(os.environ if real is None else real)}


def python(module: str, *arguments: object) -> list[str]:
    """Return the command line that runs ``module`` with this interpreter."""
    return [sys.executable, "-m", module, *map(str, arguments)]


def run(command: list[str], cwd: Path = ROOT) -> int:
    """Run ``command`` with the merged environment and return its exit status."""
    return subprocess.run(command, cwd=cwd, env=environment(), check=False).returncode


def must_run(command: list[str], cwd: Path = ROOT) -> None:
    """Run ``command`` and leave with its exit status when it fails.

    The command has said itself what went wrong.
    """
    status = run(command, cwd)
    if status:
        raise Exit(code=status)


def become(command: list[str]) -> NoReturn:
    """Replace this process by ``command``, so that signals reach it directly."""
    os.chdir(ROOT)
    sys.stdout.flush()
    os.execve(command[0], command, environment())


def _accept_underscores() -> None:
    """Make ``--log_level`` another spelling of ``--log-level``, in every task.

    invoke only knows flags with dashes, the README promises both.
    """
    add_arg = ParserContext.add_arg

    def add_both_spellings(self: ParserContext, *args: Any, **kwargs: Any) -> None:
        add_arg(self, *args, **kwargs)
        for flag in [flag for flag in self.flags if "-" in flag[2:]]:
            spelling = "--" + flag[2:].replace("-", "_")
            if spelling not in self.flags:
                self.flags.alias(spelling, to=flag)

    setattr(ParserContext, "add_arg", add_both_spellings)  # noqa: B010


_accept_underscores()


# --- Server and worker on one terminal ------------------------------------------------


class Supervisor:
    """Runs named processes, prefixes what they print and ends them together.

    Each process gets a session of its own, so that Ctrl-C reaches only the supervisor,
    which then asks every process to finish (SIGTERM) and kills what is left after
    ``grace`` seconds or at the second Ctrl-C. SIGTERM and SIGHUP are often sent twice,
    by make and to its process group, so more of them change nothing. When one process
    ends, all end.

    Args:
        env: the environment of the processes
        out: where their output and the supervisor's own lines go
        grace: seconds between SIGTERM and SIGKILL
    """

    def __init__(self, env: Mapping[str, str], out: IO[str], grace: float = 20.0) -> None:
        self._env = {**env, "PYTHONUNBUFFERED": "1"}
        self._out = out
        self._grace = grace
        self._lock = threading.Lock()
        self._processes: dict[str, subprocess.Popen[str]] = {}
        self._stopping = False
        self._interrupts = 0

    def say(self, name: str, line: str) -> None:
        """Print one line with its prefix; lines of different processes never mix."""
        with self._lock:
            self._out.write(f"{name:<6} | {line}\n")
            self._out.flush()

    def run_first(self, name: str, command: list[str]) -> int:
        """Run ``command`` to its end and return its exit status."""
        process = self._spawn(command)
        self._copy_output(name, process)
        return process.wait()

    def supervise(self, commands: Mapping[str, list[str]], url: str = "") -> int:
        """Run all ``commands`` until a signal arrives or one of them ends.

        Args:
            commands: command lines by name
            url: printed as soon as it answers

        Returns:
            0 after a signal; else the exit status of the process that ended first, or 1
            if it ended without an error although nobody had asked it to.
        """
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_signal)
        for name, command in commands.items():
            self._processes[name] = self._spawn(command)
        for name, process in self._processes.items():
            self._in_background(self._copy_output, name, process)
        if url:
            self._in_background(self._announce, url)
        status = self._wait()
        self._stop()
        return status

    def _spawn(self, command: list[str]) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            command,
            cwd=ROOT,
            env=self._env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
            preexec_fn=_end_with_parent if _LIBC else None,
        )

    def _copy_output(self, name: str, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self.say(name, line.rstrip("\n"))

    def _in_background(self, function: Any, *args: object) -> None:
        threading.Thread(target=function, args=args, daemon=True).start()

    def _announce(self, url: str) -> None:
        while not self._stopping:
            if answers(url):
                self.say("ready", f"{url} (Ctrl-C ends {' and '.join(self._processes)})")
                return
            time.sleep(0.3)

    def _on_signal(self, number: int, _frame: object) -> None:
        self._stopping = True
        self._interrupts += number == signal.SIGINT

    def _wait(self) -> int:
        while not self._stopping:
            for name, process in self._processes.items():
                if process.poll() is not None:
                    others = ", ".join(key for key in self._processes if key != name)
                    status = process.returncode
                    self.say(
                        "stop", f"{name} ended ({_in_words(status)}), ending {others}"
                    )
                    return 128 - status if status < 0 else status or 1
            time.sleep(0.1)
        self.say("stop", f"ending {', '.join(self._processes)} (Ctrl-C: at once)")
        return 0

    def _stop(self) -> None:
        interrupts = self._interrupts
        for process in self._processes.values():
            if process.poll() is None:
                process.terminate()
        deadline = time.monotonic() + self._grace
        while any(process.poll() is None for process in self._processes.values()):
            if time.monotonic() > deadline or self._interrupts > interrupts:
                break
            time.sleep(0.1)
        for name, process in self._processes.items():
            late = process.poll() is None
            # Also what a process left behind, such as a pool child that hangs.
            _kill_group(process.pid)
            process.wait()
            self.say("stop", f"{name} {'was killed' if late else 'ended'}")


def _in_words(status: int) -> str:
    return f"signal {signal.Signals(-status).name}" if status < 0 else f"status {status}"


def _kill_group(group: int) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return  # nothing left, as it should be


def _end_with_parent() -> None:
    """Let the kernel send SIGTERM to this process when the supervisor is killed."""
    pr_set_pdeathsig = 1
    assert _LIBC is not None
    _LIBC.prctl(pr_set_pdeathsig, signal.SIGTERM)


def answers(url: str) -> bool:
    """Tell whether an HTTP server answers at ``url`` within two seconds."""
    # No proxy: the address is on this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=2):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


def start_port(env: Mapping[str, str], port: int | None = None) -> int:
    """Return the local server's port: argument, ``PORT``, ``FLASK_RUN_PORT``, 5005."""
    text = str(port or env.get("PORT") or env.get("FLASK_RUN_PORT") or DEFAULT_PORT)
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 65536:
        raise Exit(f"'{text}' is no port: PORT must be a number from 1 to 65535.")
    return int(text)


def refuse_taken_port(host: str, port: int) -> None:
    """Leave with one line that names the port if something listens there already."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise Exit(
                f"Port {port} on {host} cannot be used ({error.strerror}). Stop the "
                f"program there or choose another port, for example PORT={port + 1}."
            ) from error


def start_environment(real: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of ``invoke start``: debug mode only on demand.

    ``.flaskenv`` switches debug mode on for ``flask run``; it counts here only when the
    real environment or ``.env`` asks for it.
    """
    real = os.environ if real is None else real
    asked = {**dotenv_values(ROOT / ".env"), **real}.get("FLASK_DEBUG")
    return {**environment(real), "FLASK_DEBUG": asked or "false"}


def gunicorn_command(
    bind: str, workers: int, log_level: str, heartbeat: str
) -> list[str]:
    """Return gunicorn's command line; threads keep slow clients from blocking it."""
    options = ["--bind", bind, "--workers", workers, "--worker-class", "gthread"]
    options += ["--threads", 8, "--worker-tmp-dir", heartbeat, "--error-logfile", "-"]
    options += ["--log-level", log_level, "--no-control-socket"]
    return python("gunicorn", *options, "qhana_plugin_runner:create_app()")


def celery_command(pool: str, concurrency: int, log_level: str, *more: str) -> list[str]:
    """Return the worker's command line."""
    options = [f"--pool={pool}", "--concurrency", concurrency, "--loglevel", log_level]
    return python("celery", "--app", CELERY_APP, "worker", *options, *more)


@task(help={"port": "port of the server (PORT, FLASK_RUN_PORT or 5005)"})
def start(
    c: Context, port: int | None = None, host: str = "127.0.0.1", concurrency: int = 2
) -> None:
    """Migrate the database, then run server and worker here; Ctrl-C ends both.

    Without BROKER_URL, RESULT_BACKEND and SQLALCHEMY_DATABASE_URI nothing else is needed:
    broker, result backend and SQLite database live in the instance folder.
    """
    env = start_environment()
    number = start_port(env, port)
    refuse_taken_port(host, number)
    supervisor = Supervisor(env, sys.stdout)
    status = supervisor.run_first("setup", python("flask", "db", "upgrade"))
    if status:
        raise Exit(f"The database migration failed ({_in_words(status)}).", abs(status))
    server = gunicorn_command(f"{host}:{number}", 1, "info", _heartbeat_folder())
    worker = celery_command("prefork", concurrency, "INFO")
    status = supervisor.supervise(
        {"server": server, "worker": worker}, url=f"http://localhost:{number}/"
    )
    if status:
        raise Exit("Server and worker have ended because one of them did.", status)


def _heartbeat_folder() -> str:
    """Return a folder for gunicorn's heartbeat files, in memory if there is one."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else "/tmp"


@task(help={"url": "address of a running server (default: here, started if needed)"})
def demo(c: Context, url: str = "") -> None:
    """Run the main job over HTTP: upload a data set, reduce, cluster and plot it."""
    here = f"http://localhost:{start_port(start_environment())}/"
    script = str(ROOT / "docs" / "examples" / "main_job.py")
    must_run([sys.executable, script, *([url] if url else [here, "--start"])])


# --- Checks ---------------------------------------------------------------------------


@task(help={"options": 'passed on to pytest, for example "-k plugins -x"'})
def test(c: Context, options: str = "") -> None:
    """Run the whole test suite."""
    must_run(python("pytest", *shlex.split(options)))


@task
def chaos(c: Context) -> None:
    """Kill workers, brokers and databases under load; page through a million tasks."""
    os.environ["QHANA_CHAOS"] = "long"
    must_run(python("pytest", "tests/chaos", "tests/tasks", "--timeout=1800"))


def check_steps() -> dict[str, list[str]]:
    """Return the steps of ``invoke check``: name and command line."""
    return {
        "formatting": python("black", "--check", "--quiet", "."),
        "ruff": python("ruff", "check", "."),
        "flake8": python("flake8", "."),
        "types": python("mypy"),
        "architecture": python("pytest", "-q", "tests/test_architecture.py"),
        "documentation": python("invoke", "doc", "--strict"),
        "tests": python("pytest"),
    }


@task(
    iterable=["only", "skip"],
    help={
        "only": "run this step, may be repeated (formatting, ruff, flake8, types, "
        "architecture, documentation, tests)",
        "skip": "leave this step out, may be repeated",
    },
)
def check(c: Context, only: list[str], skip: list[str]) -> None:
    """Run every check that a commit must pass and sum up which ones failed."""
    steps = check_steps()
    unknown = [name for name in [*only, *skip] if name not in steps]
    if unknown:
        raise Exit(f"Unknown step {', '.join(unknown)}; there are {', '.join(steps)}.")
    report = []
    for name, command in steps.items():
        if name in skip or (only and name not in only):
            continue
        print(f"== {name}: {shlex.join(command[1:])}", flush=True)
        began = time.monotonic()
        verdict = "failed" if run(command) else "passed"
        report.append((name, verdict, time.monotonic() - began))
    for name, verdict, seconds in report:
        print(f"{name:<14} {verdict} ({seconds:.1f} s)")
    if any(verdict == "failed" for _, verdict, _ in report):
        raise Exit(code=1)


# --- Broker and workflow engine in containers ------------------------------------------

REDIS = ("REDIS", "docker.io/library/redis:7", 6379, 6379)
CAMUNDA = ("CAMUNDA", "docker.io/camunda/camunda-bpm-platform:run-latest", 8080, 8080)
Service = tuple[str, str, int, int]


def _docker() -> str:
    return environment().get("DOCKER_CMD") or "docker"


def _container_id(service: Service) -> str:
    return environment().get(f"{service[0]}_CONTAINER_ID", "")


def _start_container(service: Service, port: int | None) -> None:
    """Restart the known container, or run a new one and note its id in ``.env``."""
    name, image, default_port, inner_port = service
    known = _container_id(service)
    # podman does not give a restarted container its port back.
    if known and "podman" not in _docker() and not run([_docker(), "restart", known]):
        return
    number = port or int(environment().get(f"{name}_PORT") or default_port)
    command = [_docker(), "run", "-d", "-p", f"{number}:{inner_port}", image]
    result = subprocess.run(command, env=environment(), stdout=subprocess.PIPE, text=True)
    if result.returncode:
        raise Exit(f"'{shlex.join(command)}' failed.", result.returncode)
    (ROOT / ".env").touch(mode=0o600)
    set_key(ROOT / ".env", f"{name}_CONTAINER_ID", result.stdout.strip())


def _stop_container(service: Service) -> None:
    must_run([_docker(), "stop", _container_id(service) or "--latest"])


def _reset_container(service: Service) -> None:
    known = _container_id(service)
    if not known:
        raise Exit(f"No container is known: {service[0]}_CONTAINER_ID is not set.")
    run([_docker(), "stop", known])
    must_run([_docker(), "rm", known])
    unset_key(ROOT / ".env", f"{service[0]}_CONTAINER_ID")


@task(
    help={"port": "port on this machine (REDIS_PORT or 6379); a reused one keeps its own"}
)
def start_broker(c: Context, port: int | None = None) -> None:
    """Start a Redis broker in a container (DOCKER_CMD: docker or podman)."""
    _start_container(REDIS, port)


@task
def stop_broker(c: Context) -> None:
    """Stop the Redis container."""
    _stop_container(REDIS)


@task
def reset_broker(c: Context) -> None:
    """Stop and remove the Redis container with all its messages."""
    _reset_container(REDIS)


@task(help={"port": "port on this machine (CAMUNDA_PORT or 8080)"})
def start_camunda(c: Context, port: int | None = None) -> None:
    """Start a Camunda workflow engine in a container."""
    _start_container(CAMUNDA, port)
    number = port or environment().get("CAMUNDA_PORT") or CAMUNDA[2]
    print(f"Cockpit and task list: http://localhost:{number}/camunda/")
    print(f"REST API (CAMUNDA_API_URL): http://localhost:{number}/engine-rest")


@task
def stop_camunda(c: Context) -> None:
    """Stop the Camunda container."""
    _stop_container(CAMUNDA)


@task
def reset_camunda(c: Context) -> None:
    """Stop and remove the Camunda container."""
    _reset_container(CAMUNDA)


@task
def start_containers(c: Context) -> None:
    """Start broker and workflow engine."""
    start_broker(c)
    start_camunda(c)


@task
def stop_containers(c: Context) -> None:
    """Stop broker and workflow engine."""
    stop_broker(c)
    stop_camunda(c)


# --- Worker ---------------------------------------------------------------------------


@task(
    help={
        "pool": "prefork (default), threads or solo",
        "concurrency": "tasks at the same time",
        "periodic_scheduler": "also send periodic tasks; only one worker may do this",
        "queues": "queues to work on, separated by commas (default: CELERY_QUEUE)",
        "dev": "start the broker before and stop it afterwards",
        "watch": "restart the worker when code changes",
    }
)
def worker(
    c: Context,
    pool: str = "prefork",
    concurrency: int = 2,
    log_level: str = "INFO",
    periodic_scheduler: bool = False,
    queues: str = "",
    dev: bool = False,
    watch: bool = False,
) -> None:
    """Run a Celery worker. It needs the same plugins, broker and database as the server.

    prefork is the default pool: a task that crashes takes only its own process with it,
    and with Redis it finishes several times as many short tasks a second as threads.
    """
    # Without a broker server, nobody could read the events.
    more = ["-E"] if environment().get("BROKER_URL") else []
    if periodic_scheduler:
        instance_folder().mkdir(parents=True, exist_ok=True)
        more += ["-B", "--schedule", str(instance_folder() / "celerybeat-schedule")]
    if queues:
        more += ["--queues", queues]
    command = celery_command(pool, concurrency, log_level, *more)
    if not dev and not watch:
        become(command)
    if dev:
        start_broker(c)
    try:
        status = _run_and_restart(command) if watch else run(command)
    finally:
        if dev:
            stop_broker(c)
    raise Exit(code=status)


def _run_and_restart(command: list[str]) -> int:
    """Run ``command``, again after each change of the runner's or a plugin's code."""
    while True:
        before = _code_state()
        process = subprocess.Popen(command, cwd=ROOT, env=environment())
        try:
            while process.poll() is None and _code_state() == before:
                time.sleep(1)
            if process.returncode is not None:
                return process.returncode
            print("The code has changed: restarting the worker.", flush=True)
            process.terminate()
        except KeyboardInterrupt:
            # The worker got the Ctrl-C as well and finishes its tasks.
            return process.wait()
        process.wait()


def _code_state() -> dict[Path, float]:
    folders = [ROOT / "qhana_plugin_runner"]
    folders += [
        ROOT / path for path in environment().get("PLUGIN_FOLDERS", "").split(":")
    ]
    files = (file for folder in folders for file in folder.rglob("*.py"))
    return {file: file.stat().st_mtime for file in files}


def _celery(*arguments: str) -> None:
    must_run(python("celery", "--app", CELERY_APP, *arguments))


@task
def celery_status(c: Context) -> None:
    """Show the workers that answer."""
    _celery("status")


@task
def celery_queues(c: Context) -> None:
    """Show the queues and their bindings (RabbitMQ and Redis)."""
    _celery("list", "bindings")


@task
def celery_inspect(c: Context) -> None:
    """Show each worker's report and statistics."""
    _celery("inspect", "report")
    _celery("inspect", "stats")


@task(name="celery-enabe-events", aliases=["celery-enable-events"])
def celery_enable_events(c: Context) -> None:
    """Let the workers send events, for celery-monitor."""
    _celery("control", "enable_events")


@task
def celery_disable_events(c: Context) -> None:
    """Stop the workers from sending events."""
    _celery("control", "disable_events")


@task
def celery_monitor(c: Context) -> None:
    """Watch the workers' events on the terminal (needs celery-enabe-events)."""
    become(python("celery", "--app", CELERY_APP, "events"))


@task
def purge_task_queues(c: Context) -> None:
    """Delete all waiting tasks from the queues, after a question."""
    if input("Type 'purge' to delete all waiting tasks: ").strip() != "purge":
        raise Exit("Nothing was deleted.")
    _celery("purge", "-f")


# --- Server and container -------------------------------------------------------------


def instance_folder() -> Path:
    """Return the folder with the runner's state on this machine."""
    folder = environment().get("QHANA_PLUGIN_RUNNER_INSTANCE_FOLDER")
    return Path(folder) if folder else ROOT / "instance"


@task(help={"docker": "keep heartbeat files in memory (/dev/shm)"})
def start_gunicorn(
    c: Context, workers: int = 1, log_level: str = "info", docker: bool = False
) -> None:
    """Run the production server on SERVER_PORT (8080) with GUNICORN_WORKERS workers."""
    env = environment()
    bind = f"0.0.0.0:{env.get('SERVER_PORT') or 8080}"
    workers = int(env.get("GUNICORN_WORKERS") or workers)
    become(gunicorn_command(bind, workers, log_level, "/dev/shm" if docker else "/tmp"))


@task
def upgrade_db(c: Context) -> None:
    """Migrate the database to the newest revision; a failure only warns."""
    if run(python("flask", "db", "upgrade")):
        print("WARNING: the database was not migrated.", file=sys.stderr, flush=True)


@task
def install_plugin_dependencies(c: Context) -> None:
    """Install what the plugins require; a failure only warns."""
    if run(python("flask", "install")):
        print("WARNING: plugin requirements are missing.", file=sys.stderr, flush=True)


@task
def ensure_paths(c: Context) -> None:
    """Create the instance folder and check that it can be written."""
    folder = instance_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Exit(f"{folder} cannot be created: {error.strerror}.") from error
    if not os.access(folder, os.W_OK):
        raise Exit(f"{folder} cannot be written by user {os.getuid()}.")


@task
def await_db(c: Context) -> None:
    """Wait until every host:port of WAIT_HOSTS answers, WAIT_TIMEOUT seconds at most."""
    env = environment()
    deadline = time.monotonic() + float(env.get("WAIT_TIMEOUT") or 30)
    pause = float(env.get("WAIT_SLEEP_INTERVAL") or 1)
    for address in filter(None, (part.strip() for part in _wait_hosts(env))):
        host, _, port = address.rpartition(":")
        if not host or not port.isdigit():
            raise Exit(f"WAIT_HOSTS has '{address}', allowed is host:port, host:port.")
        while not _listens(host.strip("[]"), int(port)):
            if time.monotonic() > deadline:
                raise Exit(f"{address} does not answer (WAIT_TIMEOUT).")
            time.sleep(pause)


def _wait_hosts(env: Mapping[str, str]) -> list[str]:
    return env.get("WAIT_HOSTS", "").split(",")


def _listens(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=2):
            return True
    except OSError:
        return False


@task
def start_docker(c: Context) -> None:
    """Start what CONTAINER_MODE says: server (default) or worker."""
    env = environment()
    mode = env.get("CONTAINER_MODE") or "server"
    if mode not in ("server", "worker"):
        raise Exit(f"CONTAINER_MODE is '{mode}', allowed are 'server' and 'worker'.")
    concurrency = env.get("CONCURRENCY") or "2"
    number = int(concurrency) if concurrency.isdigit() else 1
    level = env.get("DEFAULT_LOG_LEVEL") or "INFO"
    ensure_paths(c)
    load_git_plugins(c)
    install_plugin_dependencies(c)
    await_db(c)
    if mode == "server":
        upgrade_db(c)
        start_gunicorn(c, workers=number, log_level=level.lower(), docker=True)
    scheduler = (env.get("PERIODIC_SCHEDULER") or "no").lower()
    worker(
        c,
        pool=env.get("CELERY_WORKER_POOL") or "prefork",
        concurrency=number,
        log_level=level,
        periodic_scheduler=scheduler not in ("0", "false", "no", "off"),
    )


# --- Plugins from git -----------------------------------------------------------------


class GitSource:
    """One line of GIT_PLUGINS: ``git+<url>[@<ref>][#subdirectory=<path>]``.

    Raises:
        ValueError: when the line is something else.
    """

    _LINE = re.compile(
        r"git\+(?P<url>(?:https?|ssh|git|file)://[^\s#]+)(?:#(?P<more>\S*))?"
    )

    def __init__(self, line: str) -> None:
        match = self._LINE.fullmatch(line.strip())
        if match is None:
            raise ValueError("expected git+<url>[@<ref>][#subdirectory=<path>]")
        scheme, _, rest = match["url"].partition("://")
        # An @ before the first slash separates user and host.
        host, slash, path = rest.partition("/")
        path, _, ref = path.partition("@")
        self.ref: str = ref
        self.url = f"{scheme}://{host}{slash}{path}"
        self.name = path.rstrip("/").rpartition("/")[2].removesuffix(".git")
        keys = dict(part.partition("=")[::2] for part in (match["more"] or "").split("&"))
        self.subdirectory = keys.get("subdirectory", "").strip("/")
        if not self.name.strip(".") or self.ref.startswith("-"):
            raise ValueError("the repository has no name or the ref starts with a dash")

    @property
    def label(self) -> str:
        """The URL without user and password, for messages."""
        return re.sub(r"//[^/@]*@", "//", self.url)


def _git(folder: Path, *arguments: str) -> bool:
    command = ["git", "-C", str(folder), *arguments]
    # A private repository without access must fail, not ask for a password.
    env = {**environment(), "GIT_TERMINAL_PROMPT": "0"}
    return subprocess.run(command, env=env, check=False).returncode == 0


def fetch_repository(source: GitSource, folder: Path) -> None:
    """Bring ``folder`` to the newest state of the source, with little history.

    Raises:
        ValueError: when the repository or the ref cannot be fetched.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / ".git").is_dir():
        _git(folder, "init", "--quiet")
    fetch = ("fetch", "--quiet", "--force")
    if _git(folder, *fetch, "--depth=1", source.url, source.ref or "HEAD"):
        done = _git(folder, "checkout", "--quiet", "--force", "FETCH_HEAD")
    else:
        # Not every server hands out single commits.
        heads = ("+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*")
        done = _git(folder, *fetch, source.url, *heads) and _git(
            folder, "checkout", "--quiet", "--force", source.ref
        )
    if not done:
        raise ValueError(f"cannot fetch {source.ref or 'the default branch'}")


def copy_plugins(source: GitSource, repository: Path, target: Path) -> None:
    """Copy a module, a package or the contents of a folder of plugins into ``target``.

    Raises:
        ValueError: when the subdirectory does not exist in the repository.
    """
    origin = (repository / source.subdirectory).resolve()
    if not origin.exists() or not origin.is_relative_to(repository.resolve()):
        raise ValueError(f"there is no '{source.subdirectory}' in the repository")
    if origin.is_file():
        shutil.copy2(origin, target)
        return
    if (origin / "__init__.py").exists():
        # The folder's own name is no module name when it is the whole repository.
        name = origin.name if source.subdirectory else source.name.replace("-", "_")
        target = target / name
    ignore = shutil.ignore_patterns(".git", "__pycache__")
    shutil.copytree(origin, target, dirs_exist_ok=True, ignore=ignore)


@task(help={"plugins_path": "folder for the plugins, one of PLUGIN_FOLDERS"})
def load_git_plugins(c: Context, plugins_path: str = "./git-plugins") -> None:
    """Fetch the plugins of the repositories in GIT_PLUGINS, one per line."""
    lines = [line.strip() for line in environment().get("GIT_PLUGINS", "").splitlines()]
    target = ROOT / plugins_path
    count: dict[str, int] = {}
    for line in filter(None, lines):
        if line.startswith("#"):
            continue
        label = "a line that is no git URL"
        try:
            source = GitSource(line)
            label = source.label
            number = count[source.name] = count.get(source.name, -1) + 1
            repository = target / ".repositories" / f"{source.name}_{number}"
            fetch_repository(source, repository)
            copy_plugins(source, repository, target)
        except (ValueError, OSError) as error:
            print(f"GIT_PLUGINS: skipped {label}: {error}", file=sys.stderr, flush=True)
        else:
            print(f"GIT_PLUGINS: loaded {label}", flush=True)


# --- Documentation --------------------------------------------------------------------

DOCS = ROOT / "docs"


@task(
    help={
        "format": "builder of Sphinx, such as html, dirhtml, latex, linkcheck",
        "all": "write all pages again, not only changed ones",
        "strict": "a warning is an error",
    }
)
def doc(
    c: Context,
    format: str = "html",
    all: bool = False,
    color: bool = True,
    strict: bool = False,
) -> None:
    """Build the documentation in docs/_build."""
    options = ["--color"] if color else ["--no-color"]
    options += ["--fail-on-warning", "--keep-going"] if strict else []
    options += ["--write-all", "--fresh-env"] if all or strict else []
    must_run(python("sphinx", "-M", format, ".", "_build", *options), cwd=DOCS)


@task
def update_source_doc(c: Context) -> None:
    """Write one page per module for the API documentation into docs/source."""
    options = ["--separate", "--force", "-o", "docs/source", "."]
    exclude = ["./tasks.py", "docs", "plugins", "migrations", "tests", ".venv"]
    must_run(python("sphinx.ext.apidoc", *options, *exclude))
    # Importing the worker's entry builds an app; Sphinx must not do that.
    for page in ("modules.rst", "qhana_plugin_runner.celery_worker.rst"):
        (DOCS / "source" / page).unlink(missing_ok=True)


@task
def browse_doc(c: Context) -> None:
    """Open the documentation in a browser; build it first if needed."""
    index = DOCS / "_build" / "html" / "index.html"
    if not index.exists():
        doc(c)
    webbrowser.open(index.as_uri())


@task(help={"filter": "show only targets that contain this text"})
def doc_index(c: Context, filter: str = "") -> None:
    """List what the documentation can link to (the reference targets of Sphinx)."""
    inventory = DOCS / "_build" / "html" / "objects.inv"
    if not inventory.exists():
        doc(c)
    command = python("sphinx.ext.intersphinx", inventory)
    lines = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    for line in lines.splitlines():
        if not line.startswith(" ") or filter.lower() in line.lower():
            print(line)


# --- Dependencies ---------------------------------------------------------------------

_EXTRAS = ["--all-extras"]
EXPORTS = {
    "requirements.txt": _EXTRAS,
    "requirements-plugins.txt": [*_EXTRAS, "--with", "plugins"],
    "requirements-dev.txt": [*_EXTRAS, "--with", "plugins,dev,docs"],
    "docs/requirements.txt": [*_EXTRAS, "--with", "plugins,docs"],
}


_ALLOWED_LICENSES = re.compile(
    r"0BSD|Apache|BSD|CC0|DFSG approved|ISC|LGPL|MIT|MPL|Mozilla|PSF|Python Software|Zlib"
)


def dependency_names() -> set[str]:
    """Return the installed direct and transitive dependencies of the runner."""
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return {canonicalize_name(line.split("==")[0]) for line in lines if "==" in line}


def is_allowed_license(text: str) -> bool:
    """Tell whether one of the licences to choose from is allowed in all its parts."""
    choices = re.split(" OR |, |; ", text)
    return any(
        all(_ALLOWED_LICENSES.search(part) for part in choice.split(" AND "))
        for choice in choices
    )


def table(rows: list[dict[str, str]], format: str) -> str:
    """Return rows with the same keys as json, csv, markdown, html or plain text."""
    keys = list(rows[0])
    cells = [keys, *([row[key] for key in keys] for row in rows)]
    if format == "json":
        return json.dumps(rows, indent=2)
    if format == "csv":
        buffer = io.StringIO()
        csv.writer(buffer, lineterminator="\n").writerows(cells)
        return buffer.getvalue().rstrip()
    if format == "html":
        lines = [
            "".join(f"<td>{html.escape(cell)}</td>" for cell in row) for row in cells
        ]
        return (
            "<table>\n" + "\n".join(f"<tr>{line}</tr>" for line in lines) + "\n</table>"
        )
    if format == "markdown":
        cells.insert(1, ["---"] * len(keys))
        return "\n".join(f"| {' | '.join(row)} |" for row in cells)
    if format == "plain":
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        padded = (
            [cell.ljust(w) for cell, w in zip(row, widths, strict=True)] for row in cells
        )
        return "\n".join("  ".join(row).rstrip() for row in padded)
    raise Exit(f"'{format}' is no format: json, csv, html, markdown and plain are.")


@task(
    help={
        "format": "json, csv, html, markdown or plain",
        "include_installed": "all installed packages, not only the runner's dependencies",
        "summary": "only how often each licence occurs",
        "short": "only name and licence",
        "echo": "also say whose packages are listed",
    }
)
def list_licenses(
    c: Context,
    format: str = "json",
    include_installed: bool = False,
    summary: bool = False,
    short: bool = False,
    echo: bool = False,
) -> None:
    """List the licences of all dependencies; fail on one that is not allowed."""
    if echo:
        print(f"Packages of {sys.executable}", file=sys.stderr)
    # Other tasks must work where the package's dependencies are not installed.
    from qhana_plugin_runner.frontend.licenses import installed_licenses

    names = dependency_names()
    found = [
        {
            "name": package.name,
            "version": package.version,
            "license": package.license or "UNKNOWN",
            "url": package.home_page,
        }
        for package in installed_licenses()
        if include_installed or canonicalize_name(package.name) in names
    ]
    rows = found
    if summary:
        counts = Counter(row["license"] for row in found)
        rows = [{"count": str(n), "license": text} for text, n in counts.most_common()]
    elif short:
        rows = [{"name": row["name"], "license": row["license"]} for row in found]
    print(table(rows, format))
    refused = [row["name"] for row in found if not is_allowed_license(row["license"])]
    if refused:
        raise Exit(f"Not an allowed licence: {', '.join(refused)}")


@task(help={"include_installed": "all installed packages"})
def update_licenses(c: Context, include_installed: bool = False) -> None:
    """Check all licences; the page /licenses/ is made from them at run time."""
    list_licenses(c, format="plain", include_installed=include_installed, summary=True)


@task
def update_dependencies(c: Context) -> None:
    """Check licences and export poetry.lock (needs poetry-plugin-export)."""
    update_licenses(c)
    if not shutil.which("poetry"):
        raise Exit("poetry is missing: pip install poetry poetry-plugin-export")
    must_run(["poetry", "check", "--lock"])
    for file, options in EXPORTS.items():
        must_run(
            ["poetry", "export", "--format", "requirements.txt", "-o", file, *options]
        )
