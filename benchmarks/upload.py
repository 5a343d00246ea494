# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Uploads of a large file through the plugin ``file-upload``, and the server's memory.

The limit is a view on the same server that writes the body of the request to a file.
"""

from __future__ import annotations

import os
import threading
import time
from types import TracebackType
from urllib.parse import urlsplit

from benchmarks.load import connect
from benchmarks.report import Row, row_of_rounds
from benchmarks.system import ROOT, Settings, System, free_port, system

SIZE = 1 << 30
#: What a server may gain, whatever the size of the upload.
MEMORY_MIB = 32
ROUNDS = 3
_PLUGIN = ROOT / "plugins" / "file_upload"
_PATH = "plugins/file-upload@v1-0-0/process/"
_BOUNDARY = "benchmark-boundary"
_PART = (
    f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="dataType"\r\n\r\n'
    f"custom/benchmark\r\n--{_BOUNDARY}\r\nContent-Disposition: form-data; "
    'name="file"; filename="big.bin"\r\nContent-Type: application/octet-stream'
    "\r\n\r\n"
).encode()
_END = f"\r\n--{_BOUNDARY}--\r\n".encode()
# Uploads are made of the same random MiB again and again.
_PIECE = os.urandom(1 << 20)


def run(settings: Settings) -> list[Row]:
    """Measure the speed of uploads, and what memory the server gains meanwhile."""
    pieces = max(4, int((SIZE >> 20) * settings.scale))
    values, limits = [], []
    with system(settings, plugins=(_PLUGIN,)) as runner:
        runner.start_server()
        port = free_port()
        app = f"benchmarks.empty_app:create_sink({str(runner.folder / 'sink')!r})"
        runner.start_gunicorn("limit", port, app, settings.server_processes)
        for _ in range(8):  # both processes
            _upload(runner.url + _PATH, 1, 303)
        start = [runner.cpu_seconds(name) for name in ("limit", "server")]
        with PeakMemory(runner) as memory:
            for _ in range(min(settings.rounds, ROUNDS)):
                seconds = _upload(f"http://127.0.0.1:{port}/", pieces, 204)
                limits.append(pieces / seconds)
                values.append(pieces / _upload(runner.url + _PATH, pieces, 303))
        cpu = [runner.cpu_seconds(name) for name in ("limit", "server")]
        cpu = [now - before for now, before in zip(cpu, start, strict=True)]
    name, note = f"upload of {pieces:,} MiB", f"of CPU time {cpu[0] / cpu[1]:.2f}"
    gain = memory.gain_bytes / 2**20
    memory_name = "memory that the server gains by it"
    return [
        row_of_rounds(name, "MiB/s", values, limits, note=note),
        Row(memory_name, "MiB", gain, MEMORY_MIB, gain / MEMORY_MIB, 1, at_most=True),
    ]


def _upload(url: str, pieces: int, status: int) -> float:
    """Upload a file; returns the seconds until the answer.

    Raises:
        ValueError: if the answer has another status.
    """
    parts = urlsplit(url)
    length = len(_PART) + pieces * len(_PIECE) + len(_END)
    head = (
        f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
        f"Content-Type: multipart/form-data; boundary={_BOUNDARY}\r\n"
        f"Content-Length: {length}\r\nConnection: close\r\n\r\n"
    )
    start = time.perf_counter()
    with connect(url) as sock:
        sock.settimeout(120)
        sock.sendall(head.encode() + _PART)
        for _ in range(pieces):
            sock.sendall(_PIECE)
        sock.sendall(_END)
        answer = sock.recv(1 << 16)
    if not answer.startswith(f"HTTP/1.1 {status} ".encode()):
        raise ValueError(f"{url} answers {answer[:500]!r}")
    return time.perf_counter() - start


class PeakMemory:
    """Watches the memory of a server within the context.

    Attributes:
        gain_bytes: how much more than at the beginning it needed at most.
    """

    def __init__(self, runner: System) -> None:
        self.gain_bytes = 0
        self._runner = runner
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> PeakMemory:
        self._before = self._runner.memory_bytes("server")
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._end.wait(0.1):
            now = self._runner.memory_bytes("server")
            self.gain_bytes = max(self.gain_bytes, now - self._before)
