# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Numbers of all processes in files of one folder, so that none is lost with a process.

Each process adds to a memory-mapped file of its own: what was added is there also if it
is killed the next moment. Whoever asks for the totals adds up all files, and moves those
of dead processes into ``retired.json``. A process holds a lock while it lives.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import secrets
import socket
import struct
import threading
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from prometheus_client.mmap_dict import MmapedDict

_LOGGER = logging.getLogger("qhana_plugin_runner.metrics")
_SUFFIX = ".numbers"

# POSIX record locks do not exclude their own process.
_OWN_FILES: set[str] = set()


class ProcessFiles:
    """The numbers of this process, and the totals of all processes with this folder.

    A folder that cannot be written is no reason to stop: this process then keeps its
    numbers to itself.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._start_over()

    def _start_over(self) -> None:
        self._pid = os.getpid()
        self._mutex = threading.Lock()
        self._waiting: deque[dict[str, float]] = deque()
        self._file: MmapedDict | None = None
        self._lock: IO[str] | None = None
        self._unshared: Counter[str] | None = None

    def add(self, amounts: dict[str, float]) -> None:
        """Add amounts to the numbers of this process.

        Args:
            amounts: what to add, by the key of the number.
        """
        if os.getpid() != self._pid:
            self._start_over()  # the file belongs to the parent
        self._waiting.append(amounts)
        self._write_waiting()

    def _write_waiting(self) -> None:
        """Write what threads have added; one of them does so for all.

        Nobody waits for the mutex: with the lock of the interpreter, threads that have
        done so once hand both locks to each other at every request from then on.
        """
        while self._waiting and self._mutex.acquire(blocking=False):
            # Who adds something now and finds the mutex taken leaves it to this loop.
            try:
                while self._waiting:
                    self._write(self._waiting.popleft())
            finally:
                self._mutex.release()

    def _write(self, amounts: dict[str, float]) -> None:
        if self._file is None and self._unshared is None:
            self._open()
        if self._file is None:
            assert self._unshared is not None
            self._unshared.update(amounts)
            return
        for key, amount in amounts.items():
            value, _time = self._file.read_value(key)
            self._file.write_value(key, value + amount, 0.0)

    def _open(self) -> None:
        name = f"{socket.gethostname()}-{self._pid}-{secrets.token_hex(4)}"
        try:
            with self._whole_folder():
                self._lock = (self._folder / f"{name}.lock").open("w")
                fcntl.lockf(self._lock, fcntl.LOCK_EX)
                _OWN_FILES.add(name)
                self._file = MmapedDict(str(self._folder / f"{name}{_SUFFIX}"))
        except OSError as err:
            _LOGGER.warning("Metrics of this process are not shared: %s", err)
            self._file, self._unshared = None, Counter()

    def totals(self) -> dict[str, float]:
        """Return the sums over all processes, dead ones included, by key."""
        if os.getpid() != self._pid:
            self._start_over()
        totals: Counter[str] = Counter()
        try:
            with self._whole_folder():
                totals = self._add_up()
        except OSError as err:
            _LOGGER.warning("Metrics of other processes cannot be read: %s", err)
        with self._mutex:
            if self._unshared is not None:
                totals.update(self._unshared)
        self._write_waiting()
        return dict(totals)

    @contextmanager
    def _whole_folder(self) -> Iterator[None]:
        """Exclude all other processes and threads; they need milliseconds."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / "folder.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _add_up(self) -> Counter[str]:
        retired = self._read_retired()
        for name in retired["files"]:  # whoever noted them was interrupted
            self._remove(name)
        dead: list[str] = []
        alive: Counter[str] = Counter()
        gone: Counter[str] = Counter(retired["numbers"])
        for path in sorted(self._folder.glob(f"*{_SUFFIX}")):
            numbers = _read(path)
            if self._is_dead(path.stem):
                dead.append(path.stem)
                gone.update(numbers)
            else:
                alive.update(numbers)
        if dead:
            self._write_retired({"numbers": dict(gone), "files": dead})
            for name in dead:
                self._remove(name)
        alive.update(gone)
        return alive

    def _read_retired(self) -> dict[str, Any]:
        path = self._folder / "retired.json"
        try:
            return json.loads(path.read_bytes())
        except FileNotFoundError:
            return {"numbers": {}, "files": []}
        except ValueError:
            _LOGGER.warning("The file %s is damaged, its numbers are dropped.", path)
            return {"numbers": {}, "files": []}

    def _write_retired(self, content: dict[str, Any]) -> None:
        temporary = self._folder / "retired.json.new"
        temporary.write_text(json.dumps(content), encoding="utf-8")
        os.replace(temporary, self._folder / "retired.json")

    def _is_dead(self, name: str) -> bool:
        if name in _OWN_FILES:
            return False
        try:
            with (self._folder / f"{name}.lock").open("r+") as lock:
                fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except FileNotFoundError:
            return True
        except OSError:
            return False
        return True

    def _remove(self, name: str) -> None:
        for suffix in (_SUFFIX, ".lock"):
            with suppress(FileNotFoundError):
                (self._folder / f"{name}{suffix}").unlink()


def _forget_files_of_parent() -> None:
    # Locks are not inherited: what a parent holds is dead when the parent is.
    _OWN_FILES.clear()


os.register_at_fork(after_in_child=_forget_files_of_parent)


def _read(path: Path) -> dict[str, float]:
    try:
        entries = MmapedDict.read_all_values_from_file(str(path))
        return {key.rstrip(): value for key, value, _time, _position in entries}
    except (RuntimeError, ValueError, struct.error) as err:
        _LOGGER.warning("The file %s is damaged: %s", path, err)
        return {}
