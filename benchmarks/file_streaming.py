# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Stream a large result through worker, store and server, and measure their memory.

    python benchmarks/file_streaming.py --gigabytes 5 --store local_filesystem
    python benchmarks/file_streaming.py --gigabytes 2 --store object_store

A task of the laboratory plugin stores the result, a client downloads it and compares its
checksum. The object store is a small S3 server on loopback. Exits with 1 if a process of
the runner needs more than the limit.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from runner_process import Runner, runner  # noqa: E402

LIMIT_MEBIBYTES = 143  # 150 MB


class MemoryWatch:
    """Samples the resident memory of the processes of a runner.

    Attributes:
        peaks: largest resident set of one process in MiB, by name of the process group.
    """

    def __init__(self, instance: Runner) -> None:
        self.peaks: dict[str, float] = {}
        self._instance = instance
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> MemoryWatch:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(0.1):
            for name, process in list(self._instance.processes.items()):
                try:
                    parent = psutil.Process(process.pid)
                    group = [parent, *parent.children(recursive=True)]
                    peak = max(one.memory_info().rss for one in group) / 2**20
                except psutil.NoSuchProcess:
                    continue
                self.peaks[name] = max(self.peaks.get(name, 0), peak)


def stream(instance: Runner, megabytes: int) -> None:
    """Store a result and download it.

    Raises:
        AssertionError: the task failed, or other bytes came back.
    """
    start = time.monotonic()
    url = instance.submit({"op": "stream", "megabytes": megabytes})
    (output,) = instance.wait_task(url, 3600)["outputs"]
    stored = time.monotonic()
    checksum, size = hashlib.sha256(), 0
    with instance.http.get(output["href"], stream=True, timeout=60) as answer:
        assert answer.status_code == 200, answer.text
        for chunk in answer.iter_content(1 << 20):
            checksum.update(chunk)
            size += len(chunk)
    assert size == megabytes << 20
    assert output["name"] == f"{checksum.hexdigest()}.bin", "other bytes came back"
    read = time.monotonic()
    rates = megabytes / (stored - start), megabytes / (read - stored)
    print(f"stored {rates[0]:.0f} MiB/s, downloaded {rates[1]:.0f} MiB/s")


@contextmanager
def object_store(folder: Path) -> Iterator[dict[str, str]]:
    """Run the S3 server of the benchmarks; yields the settings of a runner."""
    command = [sys.executable, str(ROOT / "benchmarks" / "s3_files.py"), str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        options = {"key": "key", "secret": "secret"}
        options["endpoint_url"] = f"http://127.0.0.1:{port}"
        yield {
            "DEFAULT_FILE_STORE": "object_store",
            "OBJECT_STORE_URL": "s3://bucket/results",
            "OBJECT_STORE_OPTIONS": json.dumps(options),
        }
        server.terminate()


def main() -> int:
    """Run the measurement; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--gigabytes", type=float, default=5)
    parser.add_argument("--store", default="local_filesystem")
    arguments = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        settings = {}
        if arguments.store == "object_store":
            settings = stack.enter_context(object_store(folder / "objects"))
        instance = stack.enter_context(runner(folder, **settings))
        instance.start_server()
        instance.start_worker()
        watch = stack.enter_context(MemoryWatch(instance))
        time.sleep(1)
        print(f"before: {_shown(watch.peaks)}")
        stream(instance, round(arguments.gigabytes * 1024))
        print(f"peak: {_shown(watch.peaks)}, limit {LIMIT_MEBIBYTES} MiB")
    return int(max(watch.peaks.values()) > LIMIT_MEBIBYTES)


def _shown(peaks: dict[str, float]) -> str:
    return ", ".join(f"{name} {peak:.0f} MiB" for name, peak in peaks.items())


if __name__ == "__main__":
    sys.exit(main())
