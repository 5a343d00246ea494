# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""What a plugin says about itself: name, texts, requirements, tasks, templates, tests."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from flask import current_app
from flask.sansio.blueprints import Blueprint
from jinja2 import BaseLoader
from packaging.requirements import InvalidRequirement, Requirement

from .. import plugin_requirements
from ..api.mounted import mounted_plugins
from ..celery import CELERY
from ..errors import PluginRequirementsError
from ..plugin_loader import PluginEntry
from ..util.plugins import QHAnaPluginBase
from .findings import Finding, advice, problem

_USUAL_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_PIP_LINE = re.compile(r"(-|#|git\+|hg\+|https?://|file:|\.{0,2}/)")


def check_file(entry: PluginEntry) -> Iterator[Finding]:
    """Look for tests and documentation beside the module of a plugin."""
    file = Path(entry.file)
    is_package = file.name == "__init__.py"
    folder = file.parent.parent if is_package else file.parent
    tests = [*folder.glob(f"test_{entry.module}*.py")]
    tests += (folder.parent / "tests").rglob(f"test_{entry.module}.py")
    if is_package:
        tests += file.parent.rglob("test_*.py")
    if not tests:
        yield advice(
            "No test belongs to the plugin.",
            f"Write {folder.name}/test_{entry.module}.py; flask plugins new makes one.",
        )


def check_description(plugin: QHAnaPluginBase) -> Iterator[Finding]:
    """Check what a loaded plugin says about itself."""
    yield from _check_texts(plugin)
    yield from _check_requirements(plugin)
    yield from _check_blueprint(plugin)
    yield from _check_tasks(plugin)


def _check_texts(plugin: QHAnaPluginBase) -> Iterator[Finding]:
    if not _USUAL_NAME.fullmatch(plugin.name):
        yield advice(
            f"The name {plugin.name!r} is unusual.",
            "Use lower-case words joined by dashes: it becomes part of URLs.",
        )
    if not plugin.description.strip():
        yield problem(
            "The plugin has no description.",
            "Set the class attribute description to a sentence for people.",
        )
    if not plugin.tags:
        yield advice("The plugin has no tags.", "Set tags, so that people find it.")


def _check_requirements(plugin: QHAnaPluginBase) -> Iterator[Finding]:
    try:
        requirements = plugin_requirements.requirements_of(plugin)
        missing = plugin_requirements.missing(plugin)
        runner = plugin_requirements.runner_requirements()
    except PluginRequirementsError as err:
        yield problem(str(err), "Repair get_requirements(); it returns a text.")
        return
    collected = [requirements] if requirements else []
    for line in "\n".join(part.text for part in collected).splitlines():
        if line.strip() and not _is_requirement(line.split(" #")[0].strip()):
            yield problem(
                f"The requirement {line.strip()!r} cannot be read.",
                "Write it as in requirements.txt, for example numpy>=1.26,<3.",
            )
    for sentence in plugin_requirements.find_conflicts(collected, runner):
        yield problem(sentence, "Widen the plugin's range.")
    if missing:
        yield advice(f"Not installed: {', '.join(missing)}.", "Run flask install.")


def _is_requirement(line: str) -> bool:
    if not line or _PIP_LINE.match(line):
        return True
    try:
        Requirement(line)
    except InvalidRequirement:
        return False
    return True


def _check_blueprint(plugin: QHAnaPluginBase) -> Iterator[Finding]:
    mounted = mounted_plugins().by_identifier.get(plugin.identifier)
    if mounted is None:
        yield advice(
            "The plugin has no API, so nobody can use it over HTTP.",
            "Return a SecurityBlueprint from get_api_blueprint() if this is no mistake.",
        )
        return
    if mounted.blueprint_name != plugin.identifier:
        yield advice(
            f"The blueprint is named {mounted.blueprint_name!r}.",
            f"Name it after the plugin's identifier, {plugin.identifier!r}.",
        )
    yield from _check_templates(current_app.blueprints[mounted.blueprint_name])


def _check_templates(blueprint: Blueprint) -> Iterator[Finding]:
    own = _template_names(blueprint.jinja_loader)
    for name in sorted(own & _template_names(current_app.jinja_loader)):
        yield problem(
            f"The template {name!r} is never used: the runner has one of that name.",
            "Rename it; all templates share one namespace.",
        )
    for other in current_app.blueprints.values():
        if other.name == blueprint.name or _name(other) == _name(blueprint):
            continue  # two versions of one plugin may share names, not contents
        for name in sorted(own & _template_names(other.jinja_loader)):
            yield problem(
                f"The template {name!r} exists in {other.name} as well.",
                "Put the plugin's name into the name of its templates.",
            )


def _name(blueprint: Blueprint) -> str:
    return blueprint.name.partition("@")[0]


def _template_names(loader: BaseLoader | None) -> set[str]:
    return set(loader.list_templates()) if loader is not None else set()


def _check_tasks(plugin: QHAnaPluginBase) -> Iterator[Finding]:
    module = type(plugin).__module__.partition(".")[0]
    for name, task in sorted(CELERY.tasks.items()):
        own = type(task).__module__.partition(".")[0] == module
        if own and not name.startswith((f"{plugin.identifier}.", f"{plugin.name}@")):
            yield advice(
                f"The task {name!r} is not named after the plugin.",
                f"Name it {plugin.identifier}.{name.rpartition('.')[2]}, so that two "
                "versions of the plugin do not share it.",
            )
