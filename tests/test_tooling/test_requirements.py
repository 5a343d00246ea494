# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""pyproject.toml, poetry.lock, the exported requirements and their reasons agree."""

from __future__ import annotations

import hashlib
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    import tomli as tomllib  # type: ignore[no-redef]

ROOT = Path(__file__).resolve().parent.parent.parent
ADVICE = "run 'poetry lock' and 'invoke update-dependencies'"

# The groups of poetry.lock that `invoke update-dependencies` exports into each file.
EXPORTS = {
    "requirements.txt": {"main"},
    "requirements-plugins.txt": {"main", "plugins"},
    "requirements-dev.txt": {"main", "plugins", "dev", "docs"},
    "docs/requirements.txt": {"main", "plugins", "docs"},
}

Pins = dict[tuple[str, str], set[str]]


@cache
def read_toml(name: str) -> dict[str, Any]:
    return tomllib.loads((ROOT / name).read_text(encoding="utf-8"))


def locked(groups: set[str]) -> Pins:
    """Return (name, version) -> hashes of the locked packages in any of the groups."""
    return {
        (package["name"], package["version"]): {file["hash"] for file in package["files"]}
        for package in read_toml("poetry.lock")["package"]
        if groups & set(package["groups"])
    }


def exported(file: str) -> Pins:
    """Return (name, version) -> hashes of an exported requirements file."""
    text = (ROOT / file).read_text(encoding="utf-8").replace("\\\n", " ")
    pins = {}
    for line in filter(None, text.splitlines()):
        requirement = Requirement(re.split(r"\s+--hash", line)[0])
        version = str(requirement.specifier).removeprefix("==")
        pins[canonicalize_name(requirement.name), version] = set(
            re.findall(r"--hash=(\S+)", line)
        )
    return pins


@pytest.mark.parametrize("file", EXPORTS)
def test_exported_requirements_are_the_lock(file: str) -> None:
    assert exported(file) == locked(EXPORTS[file]), ADVICE


@pytest.mark.parametrize("file", EXPORTS)
def test_exported_requirements_name_no_package_index(file: str) -> None:
    assert "://" not in (ROOT / file).read_text(encoding="utf-8")


def test_lock_belongs_to_pyproject() -> None:
    """Poetry notes in the lock for which dependencies it was made."""
    pyproject = read_toml("pyproject.toml")
    keys = ("requires-python", "dependencies", "optional-dependencies")
    project = {key: pyproject["project"][key] for key in keys}
    poetry = {"group": pyproject["tool"]["poetry"]["group"]}
    content = json.dumps({"project": project, "tool": {"poetry": poetry}}, sort_keys=True)
    digest = hashlib.sha256(content.encode()).hexdigest()
    assert read_toml("poetry.lock")["metadata"]["content-hash"] == digest, ADVICE


def direct_dependencies() -> set[str]:
    """Return the names of everything that pyproject.toml asks for."""
    pyproject = read_toml("pyproject.toml")
    project = pyproject["project"]
    lines = [
        *project["dependencies"],
        *sum(project["optional-dependencies"].values(), []),
    ]
    names = {Requirement(line).name for line in lines}
    for group in pyproject["tool"]["poetry"]["group"].values():
        names |= set(group["dependencies"])
    return {canonicalize_name(name) for name in names}


def test_every_dependency_has_its_reason_in_the_documentation() -> None:
    text = (ROOT / "docs" / "dependencies.rst").read_text(encoding="utf-8")
    reasons = dict(re.findall(r"^``([\w.-]+)``\n {4}(\S.*)", text, re.MULTILINE))
    assert {canonicalize_name(name) for name in reasons} == direct_dependencies()
