# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""How much loading plugins costs beyond importing them.

The limit, the sum of the imports alone, is measured in the same run: first the modules
are imported by a plain loop in a process of its own, then an application loads them in
another one.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.report import Row, row_of_rounds
from benchmarks.system import Settings

ROOT = Path(__file__).resolve().parent.parent
PLUGIN = (ROOT / "plugins" / "hello_world.py").read_text(encoding="utf-8")
NUMBER = 60
FLOOR = 1.1

PREPARE = """
import json, os, sys, time
sys.path[:0] = {path!r}
os.environ["QHANA_PLUGIN_RUNNER_INSTANCE_FOLDER"] = {instance!r}
import qhana_plugin_runner.app, qhana_plugin_runner.api.openapi
from qhana_plugin_runner import create_app, plugin_loader
create_app({{"SQLALCHEMY_DATABASE_URI": "sqlite://"}})  # what every app imports
"""
PLAIN = """
import importlib
sys.path.append({folder!r})
names = sorted(name[:-3] for name in os.listdir({folder!r}) if name.endswith(".py"))
start = time.perf_counter()
for name in names:
    importlib.import_module(name)
print(time.perf_counter() - start)
"""
LOADED = """
loading = []
original = plugin_loader.init_app
def timed(app):
    start = time.perf_counter()
    original(app)
    loading.append(time.perf_counter() - start)
plugin_loader.init_app = timed
create_app(
    {{"SQLALCHEMY_DATABASE_URI": "sqlite://", "PLUGIN_FOLDERS": [{folder!r}]}}
)
print(loading[0])
"""


def measure(code: str, **values: object) -> float:
    """Return what a fresh process prints, in seconds."""
    command = [sys.executable, "-c", (PREPARE + code).format(**values)]
    return float(subprocess.check_output(command, text=True).split()[-1])


def run(settings: Settings) -> list[Row]:
    """Measure loading 60 plugins."""
    values, limits = [], []
    with tempfile.TemporaryDirectory() as folder:
        plugins, instance = Path(folder, "plugins"), Path(folder, "instance")
        plugins.mkdir()
        instance.mkdir()
        write_plugins(plugins, NUMBER)
        names = {"folder": str(plugins), "instance": str(instance), "path": [str(ROOT)]}
        measure(PLAIN, **names)  # compiles the modules
        for _ in range(settings.rounds):
            limits.append(measure(PLAIN, **names))
            values.append(measure(LOADED, **names))
    name = f"loading {NUMBER} plugins"
    return [row_of_rounds(name, "s", values, limits, floor=FLOOR, at_most=True)]


def write_plugins(folder: Path, number: int) -> None:
    """Write as many plugins into a folder, all like the smallest bundled one."""
    for index in range(number):
        source = PLUGIN.replace("hello-world", f"hello-world-{index}")
        (folder / f"bench_plugin_{index}.py").write_text(source, encoding="utf-8")
