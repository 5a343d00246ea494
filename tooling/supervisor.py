# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Several processes on one terminal, ended together."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import IO, Any

from . import shell

# Loaded before any fork, for _end_with_parent.
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


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
            cwd=shell.ROOT,
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
                        "stop", f"{name} ended ({in_words(status)}), ending {others}"
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


def in_words(status: int) -> str:
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
