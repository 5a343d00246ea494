# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""How much loading plugins costs beyond importing them, and what many of them cost.

The limit, the sum of the imports alone, is measured in the same run: modules are imported
by a plain loop in one process, and an application loads them in another one. Times are
CPU times of the process, which other programs on the machine disturb less.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.report import Row, row_of_rounds
from benchmarks.system import ROOT, Settings, base_environment

PLUGIN = (ROOT / "plugins" / "hello_world.py").read_text(encoding="utf-8")
NUMBER = 60
FLOOR = 1.1
NUMBERS = (1, NUMBER, 300)
ROUNDS = 3

# Each module counts how often it is imported.
COUNT = """
import sys
if not hasattr(sys, "bench_imports"):
    sys.bench_imports = []
sys.bench_imports.append(__name__)
"""
PREPARE = """
import importlib, json, os, sys, time
import psutil
from qhana_plugin_runner import create_app, plugin_loader
SETTINGS = {{"SQLALCHEMY_DATABASE_URI": "sqlite://", "PLUGIN_FOLDERS": []}}
"""
# What every app imports shall not count.
WARM_UP = """
import qhana_plugin_runner.api.openapi
create_app(dict(SETTINGS))
"""
IMPORTS = """
sys.path.append({folder!r})
names = sorted(name[:-3] for name in os.listdir({folder!r}) if name.endswith(".py"))
start = time.process_time()
for name in names:
    importlib.import_module(name)
loading = time.process_time() - start
"""
LOADED = """
original = plugin_loader.init_app
def timed(app):
    global loading
    start = time.process_time()
    original(app)
    loading = time.process_time() - start
plugin_loader.init_app = timed
create_app({{**SETTINGS, "PLUGIN_FOLDERS": [{folder!r}]}})
"""
START_WITHOUT = "create_app(dict(SETTINGS))\n"
RESULT = """
print(json.dumps({{
    "loading": loading,
    "start": time.process_time(),
    "memory": psutil.Process().memory_full_info().uss,
    "imports": len(sys.bench_imports),
    "modules": len(set(sys.bench_imports)),
}}))
"""


def measure(code: str, folder: Path) -> dict[str, Any]:
    """Return what a fresh process finds: seconds, bytes and numbers of imports."""
    plugins, instance = folder / "plugins", folder / "instance"
    program = (PREPARE + code + RESULT).format(folder=str(plugins))
    environment = {
        **base_environment(),
        "QHANA_PLUGIN_RUNNER_INSTANCE_FOLDER": str(instance),
    }
    text = subprocess.check_output(
        [sys.executable, "-c", program], text=True, env=environment, cwd=instance
    )
    return json.loads(text.splitlines()[-1])


def run(settings: Settings) -> list[Row]:
    """Measure loading 60 plugins, then starting with 1, 60 and 300.

    Raises:
        RuntimeError: if a plugin is imported more than once.
    """
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _write_plugins(folder, NUMBER)
        values, limits = [], []
        for _ in range(settings.rounds):
            limits.append(measure(WARM_UP + IMPORTS, folder)["loading"])
            values.append(measure(WARM_UP + LOADED, folder)["loading"])
        title = f"loading {NUMBER} plugins (imports alone)"
        rows.append(row_of_rounds(title, "s", values, limits, floor=FLOOR, at_most=True))
    for number in NUMBERS:
        with tempfile.TemporaryDirectory() as name:
            _write_plugins(Path(name), number)
            rows += _starts(Path(name), number, min(settings.rounds, ROUNDS))
    return rows


def _starts(folder: Path, number: int, rounds: int) -> list[Row]:
    """Measure a whole start; the limit starts without plugins and imports them."""
    values, limits = [], []
    for _ in range(rounds):
        limits.append(measure(START_WITHOUT + IMPORTS, folder))
        values.append(measure(LOADED, folder))
    if any(found["imports"] != number or found["modules"] != number for found in values):
        raise RuntimeError(
            f"{number} plugins were imported {values[0]['imports']} times."
        )
    floor = FLOOR if number == NUMBER else None
    seconds = [[found["start"] for found in one] for one in (values, limits)]
    memory = [[found["memory"] / 2**20 for found in one] for one in (values, limits)]
    return [
        row_of_rounds(
            f"start with {number} plugins", "s", *seconds, floor=floor, at_most=True
        ),
        row_of_rounds(f"memory with {number} plugins", "MiB", *memory),
    ]


def _write_plugins(folder: Path, number: int) -> None:
    """Write as many plugins, all like the smallest bundled one, and compile them."""
    plugins = folder / "plugins"
    plugins.mkdir()
    (folder / "instance").mkdir()
    for index in range(number):
        source = PLUGIN.replace("hello-world", f"hello-world-{index}") + COUNT
        (plugins / f"bench_plugin_{index}.py").write_text(source, encoding="utf-8")
    subprocess.check_call([sys.executable, "-m", "compileall", "-q", str(plugins)])
