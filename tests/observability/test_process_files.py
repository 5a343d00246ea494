# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Numbers of many processes add up, whatever becomes of the processes."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from qhana_plugin_runner.metrics.process_files import ProcessFiles

_FORK = multiprocessing.get_context("fork")


def run(*work: Callable[[], Any]) -> None:
    """Run each function in a child process of its own, all at the same time."""
    children = [_FORK.Process(target=function) for function in work]
    for child in children:
        child.start()
    for child in children:
        child.join(30)


def number_files(folder: Path) -> list[Path]:
    """Return the files of single processes."""
    return sorted(folder.glob("*.numbers"))


def test_what_is_added_is_in_the_totals(tmp_path: Path) -> None:
    files = ProcessFiles(tmp_path)
    files.add({"a": 1, "b": 0.5})
    files.add({"a": 2})
    assert files.totals() == {"a": 3, "b": 0.5}


def test_all_processes_count(tmp_path: Path) -> None:
    files = ProcessFiles(tmp_path)
    files.add({"a": 1})

    def child() -> None:
        for _ in range(100):
            files.add({"a": 1})  # inherited, yet written to a file of its own

    run(*[child] * 4)
    assert files.totals() == {"a": 401}


def test_a_killed_process_loses_nothing(tmp_path: Path) -> None:
    files = ProcessFiles(tmp_path)

    def child() -> None:
        files.add({"a": 7})
        os.kill(os.getpid(), signal.SIGKILL)

    run(child)
    assert files.totals() == {"a": 7}


def test_files_of_dead_processes_are_put_together(tmp_path: Path) -> None:
    files = ProcessFiles(tmp_path)
    files.add({"mine": 1})
    run(*[lambda: files.add({"a": 1})] * 5)
    for _ in range(3):
        assert files.totals() == {"mine": 1, "a": 5}
        assert len(number_files(tmp_path)) == 1
    run(lambda: files.add({"a": 1}))
    assert files.totals() == {"mine": 1, "a": 6}


def test_the_numbers_outlive_a_restart(tmp_path: Path) -> None:
    run(lambda: ProcessFiles(tmp_path).add({"a": 1}))
    run(lambda: ProcessFiles(tmp_path).add({"a": 1}))
    assert ProcessFiles(tmp_path).totals() == {"a": 2}


def test_a_reader_does_not_take_a_live_process_for_dead(tmp_path: Path) -> None:
    files = ProcessFiles(tmp_path)
    files.add({"a": 1})
    run(lambda: ProcessFiles(tmp_path).totals())
    files.add({"a": 1})
    assert files.totals() == {"a": 2}
    assert len(number_files(tmp_path)) == 1


def test_an_interrupted_clean_up_counts_nothing_twice(tmp_path: Path) -> None:
    run(lambda: ProcessFiles(tmp_path).add({"a": 3}))
    (left,) = number_files(tmp_path)
    noted = {"numbers": {"a": 3}, "files": [left.stem]}
    (tmp_path / "retired.json").write_text(json.dumps(noted))
    files = ProcessFiles(tmp_path)
    assert files.totals() == files.totals() == {"a": 3}
    assert not left.exists()


@pytest.mark.parametrize("content", [b"", b"\xff" * 100, b"x"])
def test_damaged_files_are_left_out(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "other.numbers").write_bytes(content)
    (tmp_path / "retired.json").write_bytes(content)
    files = ProcessFiles(tmp_path)
    files.add({"a": 1})
    assert files.totals() == {"a": 1}


def test_without_a_folder_a_process_counts_for_itself(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("no folder")
    files = ProcessFiles(tmp_path / "taken")
    files.add({"a": 1})
    files.add({"a": 1})
    assert files.totals() == {"a": 2}


def test_threads_do_not_lose_each_others_additions(tmp_path: Path) -> None:
    files = ProcessFiles(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        for _ in range(2000):
            pool.submit(files.add, {"a": 1})
        for _ in range(20):
            assert pool.submit(files.totals).result(10).keys() <= {"a"}
    assert files.totals() == {"a": 2000}


def test_no_thread_waits_for_another_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = ProcessFiles(tmp_path)
    files.add({"a": 1})
    has_begun, may_go_on = threading.Event(), threading.Event()
    write = ProcessFiles._write

    def slowly(self: ProcessFiles, amounts: dict[str, float]) -> None:
        if not has_begun.is_set():
            has_begun.set()
            assert may_go_on.wait(20)
        write(self, amounts)

    monkeypatch.setattr(ProcessFiles, "_write", slowly)
    with ThreadPoolExecutor(1) as pool:
        writer = pool.submit(files.add, {"a": 1})
        assert has_begun.wait(20)
        files.add({"a": 1})  # would wait for ever
        may_go_on.set()
        writer.result(20)
    assert files.totals() == {"a": 3}


def test_many_numbers_fit(tmp_path: Path) -> None:
    files = ProcessFiles(tmp_path)
    wanted = {f"key {number} " + "x" * 50: float(number) for number in range(3000)}
    files.add(wanted)
    assert files.totals() == wanted
