# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""What a process keeps out of its memory; benchmarks/file_streaming.py measures it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

# What only commands need, or a setting that has no value.
HEAVY = ("alembic", "mako", "pygments", "flask_migrate", "limits")


def test_a_worker_imports_nothing_that_it_does_not_use(tmp_path: Path) -> None:
    script = (
        "import sys, qhana_plugin_runner.celery_worker\n"
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    environment = {
        **os.environ,
        "PLUGIN_FOLDERS": "",
        "QHANA_PLUGIN_RUNNER_INSTANCE_FOLDER": str(tmp_path),
    }
    command = [sys.executable, "-c", script]
    found = subprocess.run(
        command, env=environment, check=True, capture_output=True, text=True, timeout=60
    )
    assert found.stdout.strip() == "[]"
