# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""How much loading plugins costs beyond importing them.

Run it with ``python benchmarks/plugin_loading.py [number of plugins]``. The limit, the
sum of the imports alone, is measured in the same run: first the modules are imported by a
plain loop in a process of its own, then an application loads them in another one.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PLUGIN = (ROOT / "plugins" / "hello_world.py").read_text(encoding="utf-8")
ROUNDS = 5

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


def main(number: int) -> None:
    """Measure and print one line and one JSON object."""
    with tempfile.TemporaryDirectory() as folder:
        plugins, instance = Path(folder, "plugins"), Path(folder, "instance")
        plugins.mkdir()
        instance.mkdir()
        for index in range(number):
            source = PLUGIN.replace("hello-world", f"hello-world-{index}")
            (plugins / f"bench_plugin_{index}.py").write_text(source, encoding="utf-8")
        values = {"folder": str(plugins), "instance": str(instance), "path": [str(ROOT)]}
        ratios, limits = [], []
        measure(PLAIN, **values)  # compiles the modules
        for _ in range(ROUNDS):
            limits.append(measure(PLAIN, **values))
            ratios.append(measure(LOADED, **values) / limits[-1])
    ratio = statistics.median(ratios)
    print(f"loading {number} plugins: {ratio:.3f} of importing them (median of {ROUNDS})")
    print(json.dumps({"plugins": number, "ratios": ratios, "import_seconds": limits}))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 60)
