# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Tasks per second with two workers, beside one. Each worker has one process."""

from __future__ import annotations

from benchmarks.report import Row, row_of_rounds
from benchmarks.system import Settings, system
from benchmarks.tasks import CLIENTS, tasks_per_second

NUMBER = 300


def run(settings: Settings) -> list[Row]:
    """Measure the same tasks with one worker and with two.

    On a machine with two cores the server and the workers share them, so twice the speed
    is out of reach there; the ratio says how much a second worker helps.
    """
    number = max(20, int(NUMBER * settings.scale))
    values, limits = [], []
    with system(settings) as runner:
        runner.start_server()
        runner.start_worker("first", 1)
        tasks_per_second(runner, 20)
        for _ in range(min(settings.rounds, 3)):
            limits.append(tasks_per_second(runner, number))
            runner.start_worker("second", 1)
            values.append(tasks_per_second(runner, number))
            runner.stop("second")
            (runner.folder / "second.log").unlink()
    name = f"{number} tasks, {CLIENTS} clients, 2 workers beside 1"
    return [row_of_rounds(name, "tasks/s", values, limits)]
