# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""A plugin whose import takes long is named while everybody waits for it."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest

from managed_app import build_app
from qhana_plugin_runner import plugin_loader


def test_a_slow_import_is_named_while_it_runs(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plugin_loader, "SLOW_IMPORT_SECONDS", 0.05)
    (tmp_path / "slow_to_import.py").write_text(
        "import logging, time\ntime.sleep(0.3)\nlogging.getLogger('slow').error('done')\n"
    )
    build_app(tmp_path, "sqlite://", PLUGIN_FOLDERS=[str(tmp_path)])
    lines = [record.getMessage() for record in caplog.records]
    (named,) = [i for i, line in enumerate(lines) if "takes longer than" in line]
    assert "slow_to_import.py" in lines[named]
    assert named < lines.index("done")


def test_plugins_do_not_cost_a_thread_each(tmp_path: Path) -> None:
    others = {thread.name for thread in threading.enumerate()}
    for name in ("first_to_import", "second_to_import"):
        (tmp_path / f"{name}.py").write_text(
            "import threading\nTHREADS = {t.name for t in threading.enumerate()}\n"
        )
    build_app(tmp_path, "sqlite://", PLUGIN_FOLDERS=[str(tmp_path)])
    modules = (sys.modules.pop("first_to_import"), sys.modules.pop("second_to_import"))
    found = [module.THREADS - others for module in modules]
    assert found[0] == found[1]
    assert len(found[0]) == 1
