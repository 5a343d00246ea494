# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Known vulnerabilities fail a check, not knowing only warns."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from tooling import audit, checks, shell

FOUND = {
    "dependencies": [
        {"name": "good", "version": "1", "vulns": []},
        {
            "name": "bad",
            "version": "2",
            "vulns": [{"id": "PYSEC-1", "fix_versions": ["2.1"], "description": "…"}],
        },
    ]
}
UNKNOWN = {"dependencies": [{"name": "private", "skip_reason": "not found"}]}


@pytest.mark.parametrize(
    ("report", "status", "text"),
    [
        (FOUND, 1, "bad 2: PYSEC-1, fixed in 2.1"),
        (UNKNOWN, 0, "WARNING: the service knows nothing of 1 packages."),
        (None, 0, "WARNING: nothing is known"),
        ({"dependencies": []}, 0, ""),
    ],
)
def test_the_report_decides(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    report: Any,
    status: int,
    text: str,
) -> None:
    monkeypatch.setattr(audit, "audit", lambda _name: report)
    assert audit.main() == status
    printed = capsys.readouterr().out
    assert text in printed
    assert bool(printed) is bool(text)


def test_a_service_that_is_away_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setattr(audit, "LOCKED", ("requirements.txt",))
    assert audit.main() == 0


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("import subprocess\nsubprocess.run('ls ' + input(), shell=True)\n", 1),
        ("assert 1 + 1 == 2\n", 0),
    ],
)
def test_insecure_code_fails_the_security_step(
    tmp_path: Any, code: str, status: int
) -> None:
    (tmp_path / "code.py").write_text(code)
    command = checks.check_steps()["security"]
    options = command[: command.index("-r") + 1]
    done = subprocess.run([*options, str(tmp_path)], cwd=shell.ROOT, check=False)
    assert done.returncode == status
    assert command[0] == sys.executable
