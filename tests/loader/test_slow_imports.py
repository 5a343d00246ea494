# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""A plugin whose import takes long is named while everybody waits for it."""

from __future__ import annotations

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
