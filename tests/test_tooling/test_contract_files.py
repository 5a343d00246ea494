# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Files that people and tools look for, and what they promise."""

from __future__ import annotations

import importlib.util
import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from dotenv import dotenv_values

ROOT = Path(__file__).resolve().parent.parent.parent
LAUNCH: dict[str, Any] = json.loads((ROOT / "default-launch.json").read_text())
NIX_FILES = ("default.nix", "shell.nix")


@pytest.mark.parametrize(
    "name",
    [
        "babel.cfg",
        "translations",
        "migrations",
        "docs/conf.py",
        "tests",
        "typings",
        "plugins",
        "tasks.py",
        "pyproject.toml",
        ".flaskenv",
        ".flake8",
        ".editorconfig",
        "default.nix",
        "shell.nix",
        "Dockerfile",
        "docker-compose.yml",
        *(
            f"qhana_plugin_runner/{name}"
            for name in (
                "babel.py",
                "celery.py",
                "celery_worker.py",
                "db/db.py",
                "db/models",
                "util/config/sqlalchemy_config.py",
                "util/config/smorest_config.py",
                "api/jwt.py",
                "api/jwt_helper.py",
                "config/celery_config.py",
                "util/config/celery_config.py",
                "templates",
                "static",
            )
        ),
    ],
)
def test_promised_files_exist(name: str) -> None:
    assert (ROOT / name).exists()


def test_flaskenv_has_the_defaults_of_developers() -> None:
    values = dotenv_values(ROOT / ".flaskenv")
    expected = {
        "FLASK_APP": "qhana_plugin_runner",
        "FLASK_DEBUG": "true",
        "FLASK_RUN_PORT": "5005",
        "PYTHONUTF8": "1",
    }
    assert expected.items() <= values.items()
    folders = (values["PLUGIN_FOLDERS"] or "").split(":")
    assert folders[0] == "./plugins"


def launch(name: str) -> dict[str, Any]:
    (found,) = [entry for entry in LAUNCH["configurations"] if entry["name"] == name]
    return found


@pytest.mark.parametrize("name", ["All", "all"])
def test_one_launch_configuration_starts_server_and_worker(name: str) -> None:
    (compound,) = [entry for entry in LAUNCH["compounds"] if entry["name"] == name]
    assert compound["configurations"] == ["API", "worker"]
    api, worker = map(launch, compound["configurations"])
    assert [api["module"], *api["args"]] == ["flask", "run", "--no-debugger"]
    command = shlex.join([worker["module"], *worker["args"]])
    assert "--app qhana_plugin_runner.celery_worker:CELERY worker" in command
    assert "--concurrency 1 --pool=solo" in command


@pytest.mark.parametrize(
    "entry", LAUNCH["configurations"], ids=lambda entry: entry["name"]
)
def test_launch_configurations_name_what_exists(entry: dict[str, Any]) -> None:
    assert importlib.util.find_spec(entry["module"]) is not None
    if "envFile" in entry:
        file = entry["envFile"].replace("${workspaceFolder}", str(ROOT))
        assert Path(file).exists()


@pytest.mark.parametrize("name", NIX_FILES)
def test_nix_files_are_expressions(name: str) -> None:
    program = shutil.which("nix-instantiate")
    if program is None:
        pytest.skip("needs nix-instantiate")
    result = subprocess.run(
        [program, "--parse", ROOT / name], capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("name", NIX_FILES)
def test_brackets_in_nix_files_match(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    code = "\n".join(line.split("#")[0] for line in text.splitlines()).strip()
    assert code.startswith("{ pkgs ? import <nixpkgs> { } }:")
    for opening, closing in ("()", "[]", "{}"):
        assert code.count(opening) == code.count(closing)


def test_the_documented_extraction_of_texts_works(tmp_path: Path) -> None:
    output = tmp_path / "messages.pot"
    babel = "from babel.messages.frontend import main; main()"
    subprocess.run(
        [
            sys.executable,
            "-c",
            babel,
            "extract",
            "-F",
            "babel.cfg",
            "-o",
            str(output),
            ".",
        ],
        cwd=ROOT,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
        check=True,
        capture_output=True,
        timeout=120,
    )
    assert "msgid" in output.read_text(encoding="utf-8")
