# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Loading and saving entities, beside the readers and writers of Python and orjson.

CPU time is compared, because the server that sends the files takes its own.
"""

from __future__ import annotations

import csv
import tempfile
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from benchmarks.report import Row, row_of_rounds
from benchmarks.system import Processes, Settings, base_environment, free_port
from qhana_plugin_runner.plugin_utils.entity_marshalling import (
    load_entities,
    save_entities,
)
from qhana_plugin_runner.requests import open_url

ROWS = 1_000_000
CSV, LINES, JSON = "text/csv", "application/X-lines+json", "application/json"
KINDS = {"CSV": CSV, "JSON lines": LINES, "JSON": JSON}
LOAD_FLOORS = {"CSV": 0.5, "JSON lines": 0.5}


def run(settings: Settings) -> list[Row]:
    """Measure six attributes in a million rows (times the scale)."""
    entities = make_entities(max(1000, int(ROWS * settings.scale)))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = [_save(settings, entities, folder, kind) for kind in KINDS]
        del entities
        port = free_port()
        processes = Processes(folder, base_environment())
        options = ["--bind", "127.0.0.1", "--directory", name]
        processes.start("files", "http.server", str(port), *options)
        try:
            processes.wait_for_port("files", port)
            url = f"http://127.0.0.1:{port}/"
            rows += [_load(settings, folder, url, kind) for kind in KINDS]
        finally:
            processes.stop_all()
    return rows


def make_entities(number: int) -> list[dict[str, Any]]:
    """Return entities with texts, an integer, a fraction and a truth value."""
    return [
        {
            "ID": f"entity-{index}",
            "href": f"http://localhost/entities/{index}",
            "count": index,
            "share": index / 7,
            "label": f"label {index % 100}",
            "seen": index % 2 == 0,
        }
        for index in range(number)
    ]


def _cpu_seconds(action: Callable[[], None]) -> float:
    start = time.process_time()
    action()
    return time.process_time() - start


def _row(
    settings: Settings,
    name: str,
    number: int,
    runner: Callable[[], None],
    limit: Callable[[], None],
    floor: float | None,
) -> Row:
    values, limits = [], []
    for _ in range(settings.rounds):
        limits.append(number / _cpu_seconds(limit))
        values.append(number / _cpu_seconds(runner))
    return row_of_rounds(name, "rows/s of CPU", values, limits, floor=floor)


def _save(
    settings: Settings, entities: list[dict[str, Any]], folder: Path, kind: str
) -> Row:
    path, limit_path = folder / kind.replace(" ", "-"), folder / "limit"

    def save() -> None:
        with path.open("w", encoding="utf-8", newline="") as file:
            save_entities(entities, file, KINDS[kind], attributes=list(entities[0]))

    def limit() -> None:
        with limit_path.open("w", encoding="utf-8", newline="") as file:
            if kind == "CSV":
                writer = csv.writer(file, quoting=csv.QUOTE_ALL)
                writer.writerows(map(tuple, map(dict.values, entities)))
            elif kind == "JSON":
                file.write(orjson.dumps(entities).decode())
            else:
                for entity in entities:
                    line = orjson.dumps(entity, option=orjson.OPT_APPEND_NEWLINE)
                    file.write(line.decode())

    return _row(settings, f"save {kind}", len(entities), save, limit, 0.5)


def _load(settings: Settings, folder: Path, url: str, kind: str) -> Row:
    path = folder / kind.replace(" ", "-")

    def load() -> None:
        with open_url(url + path.name, stream=True) as response:
            deque(load_entities(response, KINDS[kind]), maxlen=0)

    def limit() -> None:
        if kind == "CSV":
            with path.open(encoding="utf-8", newline="") as text:
                deque(csv.reader(text), maxlen=0)
            return
        with path.open("rb") as file:
            if kind == "JSON":
                orjson.loads(file.read())
            else:
                deque(map(orjson.loads, file), maxlen=0)

    number = max(1000, int(ROWS * settings.scale))
    return _row(settings, f"load {kind}", number, load, limit, LOAD_FLOORS.get(kind))
