# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""What the documentation names exists, and what exists is documented."""

from __future__ import annotations

import re
import subprocess
from functools import cache
from pathlib import Path

import click
import pytest
from flask.cli import routes_command, run_command, shell_command
from invoke import Collection

import tasks
from qhana_plugin_runner import create_app

ROOT = Path(__file__).resolve().parent.parent.parent
PAGES = [
    path
    for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*")]
    if path.suffix in (".md", ".rst") and "_build" not in path.parts
]
COLLECTION = Collection.from_module(tasks)


def page_id(path: Path) -> str:
    return str(path.relative_to(ROOT))


@cache
def make_targets() -> set[str]:
    """Return the targets that `make help` may name."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (phony,) = re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    return set(phony.split())


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_named_make_targets_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    found = set(re.findall(r"(?:`|^|\$ |=\S+ )make ([a-z][\w-]*)", text, re.MULTILINE))
    assert found <= make_targets()


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_named_invoke_tasks_exist_with_their_flags(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for name, rest in re.findall(r"invoke ([a-z][\w-]+)((?: --[\w-]+)*)", text):
        if name == "tasks":
            continue  # prose: "the invoke tasks"
        assert name in COLLECTION.task_names, f"{page}: invoke {name}"
        names = {arg.name for arg in COLLECTION[name].get_arguments()}
        flags = {flag.strip("-").replace("-", "_") for flag in rest.split()}
        assert flags <= names | {"help"}, f"{page}: invoke {name}{rest}"


@pytest.fixture(scope="module")
def flask_commands() -> click.Group:
    """Every flask command; no plugin and no database is needed for that."""
    app = create_app({"SECRET_KEY": "test", "PLUGIN_FOLDERS": []}, silent_log=True)
    for command in (run_command, shell_command, routes_command):
        app.cli.add_command(command)
    return app.cli


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_named_flask_commands_exist(page: Path, flask_commands: click.Group) -> None:
    text = page.read_text(encoding="utf-8")
    start = r"(?:`|bin/|poetry run |^ *)flask "
    words = r"([a-z][a-z-]+)(?: ([a-z][a-z-]+)\b)?((?: (?:--?[a-z-]+|[A-Z]+))*)"
    for name, second, rest in re.findall(start + words, text, re.MULTILINE):
        command = flask_commands.commands.get(name)
        assert command is not None, f"{page}: flask {name}"
        if second and isinstance(command, click.Group):
            assert second in command.commands, f"{page}: flask {name} {second}"
            command = command.commands[second]
        options = {option for p in command.params for option in p.opts} | {"--help"}
        flags = {word for word in rest.split() if word.startswith("-")}
        assert flags <= options, f"{page}: flask {name} {second}{rest}"


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_links_to_files_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!https?://|#|mailto:)([^)\s#]+)", text):
        assert (page.parent / target).exists(), target


def test_every_make_target_is_explained() -> None:
    text = (ROOT / "docs" / "commands.rst").read_text(encoding="utf-8")
    assert set(re.findall(r"``make (\w+)``", text)) == make_targets() - {"help"}


def test_every_decision_record_says_context_decision_and_consequences() -> None:
    records = sorted((ROOT / "docs" / "adr").glob("0*.md"))
    numbers = [record.name[:4] for record in records]
    assert len(set(numbers)) == len(numbers)
    for record in records:
        text = record.read_text(encoding="utf-8")
        assert text.startswith(f"# {record.name[:4]} "), record
        for part in ("**Context.**", "**Decision.**", "**Consequences.**"):
            assert part in text, record


def test_make_help_names_every_target() -> None:
    result = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True)
    named = set(re.findall(r"^make (\w+)", result.stdout, re.MULTILINE))
    assert named == make_targets() - {"help"}
