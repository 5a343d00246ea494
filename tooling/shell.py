# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Child processes of the commands: their environment, interpreter and folder.

Settings come from the real environment, then ``.env``, then ``.flaskenv``; the first one
that knows a variable wins. Commands run with the interpreter that runs invoke, so they
work the same in ``.venv``, under ``poetry run`` and in the container.
"""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

from dotenv import dotenv_values
from invoke import Exit

ROOT = Path(__file__).resolve().parent.parent
CELERY_APP = "qhana_plugin_runner.celery_worker:CELERY"


def environment(real: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment for child processes, from all three sources."""
    merged = {**dotenv_values(ROOT / ".flaskenv"), **dotenv_values(ROOT / ".env")}
    known = {key: value for key, value in merged.items() if value is not None}
    return {**known, **(os.environ if real is None else real)}


def python(module: str, *arguments: object) -> list[str]:
    """Return the command line that runs ``module`` with this interpreter."""
    return [sys.executable, "-m", module, *map(str, arguments)]


def run(command: list[str], cwd: Path | None = None) -> int:
    """Run ``command`` with the merged environment and return its exit status."""
    return subprocess.run(
        command, cwd=cwd or ROOT, env=environment(), check=False
    ).returncode


def must_run(command: list[str], cwd: Path | None = None) -> None:
    """Run ``command`` and leave with its exit status when it fails.

    The command has said itself what went wrong.
    """
    status = run(command, cwd)
    if status:
        raise Exit(code=status)


def become(command: list[str]) -> NoReturn:
    """Replace this process by ``command``, so that signals reach it directly."""
    os.chdir(ROOT)
    sys.stdout.flush()
    os.execve(command[0], command, environment())  # nosec B606 # our own command


def instance_folder() -> Path:
    """Return the folder with the runner's state on this machine."""
    folder = environment().get("QHANA_PLUGIN_RUNNER_INSTANCE_FOLDER")
    return Path(folder) if folder else ROOT / "instance"
