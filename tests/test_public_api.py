# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Everything that plugins may rely on; ``public_api.txt`` lists the names.

A failure here means that plugins outside of this repository break.
"""

from __future__ import annotations

import importlib
import inspect
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from flask import Flask, url_for
from flask.cli import ScriptInfo
from jinja2 import nodes

from qhana_plugin_runner import APP_NAME, cli, create_app
from qhana_plugin_runner.api.plugin_schemas import PluginType
from qhana_plugin_runner.babel import SUPPORTED_LOCALES
from qhana_plugin_runner.celery import CELERY, FlaskTask
from qhana_plugin_runner.db.cli import create_db_function
from qhana_plugin_runner.db.models.virtual_plugins import (
    VIRTUAL_PLUGIN_CREATED,
    VIRTUAL_PLUGIN_REMOVED,
)
from qhana_plugin_runner.storage import STORE, FileStore
from qhana_plugin_runner.tasks import (
    TASK_DETAILS_CHANGED,
    TASK_LOGGER,
    TASK_STATUS_CHANGED,
    TASK_STEPS_CHANGED,
)
from qhana_plugin_runner.util.plugins import plugin_identifier

TESTS = Path(__file__).resolve().parent


def read_promises() -> dict[str, list[str]]:
    """Return the lines of each section of the list."""
    sections: dict[str, list[str]] = {}
    for line in (TESTS / "public_api.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            lines = sections.setdefault(line.strip("[]"), [])
        elif line and not line.startswith("#"):
            lines.append(line)
    return sections


PROMISES = read_promises()


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """An app in debug mode, which has all routes; a request is open."""
    folder = tmp_path_factory.mktemp("instance")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QHANA_PLUGIN_RUNNER_INSTANCE_FOLDER", str(folder))
        patch.setenv("FLASK_DEBUG", "1")
        app = create_app(
            {
                "SECRET_KEY": "a key of the tests that is long enough",
                "SQLALCHEMY_DATABASE_URI": "sqlite://",
                "CELERY": {"broker_url": "memory://"},
            },
            silent_log=True,
        )
    with app.test_request_context():
        create_db_function(app)
        yield app


def resolve(path: str) -> Any:
    """Import ``module:name.attribute``."""
    module, _, names = path.partition(":")
    value = importlib.import_module(module)
    for name in filter(None, names.split(".")):
        value = getattr(value, name)
    return value


def signature_of(function: Any) -> str:
    """The parameters of a function, class or Celery task, without their types."""
    if hasattr(function, "apply_async"):
        function = function.run
    signature = inspect.signature(function)
    parameters = [
        parameter.replace(annotation=inspect.Parameter.empty)
        for parameter in signature.parameters.values()
    ]
    plain = signature.replace(
        parameters=parameters, return_annotation=inspect.Signature.empty
    )
    return re.sub(r"=<.*?>+", "=...", str(plain))


@pytest.mark.parametrize("promise", PROMISES["signatures"])
def test_signature(promise: str):
    path, parameters = promise.split("(", 1)
    assert signature_of(resolve(path)) == f"({parameters}"


WORKER = "qhana_plugin_runner.celery_worker:"  # importing it builds an app


@pytest.mark.parametrize(
    "path", [path for path in PROMISES["names"] if not path.startswith(WORKER)]
)
def test_name(path: str):
    resolve(path)


@pytest.mark.parametrize("path", PROMISES["names of other packages that plugins import"])
def test_name_of_another_package(app: Flask, path: str):
    resolve(path)


@pytest.mark.parametrize("name", PROMISES["celery tasks"])
def test_celery_task(name: str):
    assert isinstance(CELERY.tasks[name], FlaskTask)


@pytest.mark.parametrize("promise", PROMISES["routes"])
def test_route(app: Flask, promise: str):
    path, endpoint, *values = promise.split()
    arguments = dict(value.split("=") for value in values)
    assert url_for(endpoint, **arguments) == path


@pytest.mark.parametrize("name", PROMISES["functions of microfrontend.js"])
def test_function_of_the_script(app: Flask, name: str):
    script = app.test_client().get("/static/microfrontend.js").text
    assert re.search(rf"^(async )?function {name}\(", script, re.MULTILINE) or re.search(
        rf"(window|globalThis)\.{name}\b|^\s+{name},$", script, re.MULTILINE
    )


@pytest.mark.parametrize("promise", PROMISES["jinja globals"])
def test_jinja_global(app: Flask, promise: str):
    name, parenthesis, parameters = promise.partition("(")
    function = app.jinja_env.globals[name]
    if parenthesis:
        assert signature_of(function) == f"({parameters}"


def test_jinja_filter(app: Flask):
    assert "markdown" in app.jinja_env.filters


@pytest.mark.parametrize("promise", PROMISES["template macros"])
def test_template_macro(app: Flask, promise: str):
    name = promise.partition("(")[0]
    source = app.jinja_env.loader.get_source(app.jinja_env, "forms.html")[0]
    tree = app.jinja_env.parse(source)
    (macro,) = [node for node in tree.find_all(nodes.Macro) if node.name == name]
    parameters = [argument.name for argument in macro.args]
    first = len(parameters) - len(macro.defaults)
    for number, default in enumerate(macro.defaults):
        parameters[first + number] += f"={default.as_const()!r}"
    assert f"{name}({', '.join(parameters)})" == promise


@pytest.mark.parametrize("template", ["simple_template.html", "forms.html"])
def test_template(app: Flask, template: str):
    assert app.jinja_env.get_template(template)


@pytest.mark.parametrize("block", ["head", "content", "help", "script"])
def test_template_block(app: Flask, block: str):
    assert block in app.jinja_env.get_template("simple_template.html").blocks


# values


def test_values(app: Flask):
    assert APP_NAME == app.import_name == "qhana_plugin_runner"
    assert SUPPORTED_LOCALES == ["de", "en"]
    assert TASK_LOGGER.name == "qhana-plugin-runner"
    assert app.config["NISQ_ANALYZER_UI_URL"]
    assert [member.value for member in PluginType] == [
        "processing",
        "visualization",
        "conversion",
        "dataloader",
        "interaction",
    ]


def test_names_of_signals():
    assert TASK_STATUS_CHANGED.name == "task-status-changed"
    assert TASK_STEPS_CHANGED.name == "task-steps-changed"
    assert TASK_DETAILS_CHANGED.name == "task-details-changed"
    assert VIRTUAL_PLUGIN_CREATED.name == "virtual-plugin_created"
    assert VIRTUAL_PLUGIN_REMOVED.name == "virtual-plugin_removed"


def test_names_of_stores(app: Flask):
    for name in ("local_filesystem", "url_file_store"):
        assert STORE[name].name == name
        assert isinstance(STORE[name], FileStore)


def test_identifier_of_a_plugin():
    assert plugin_identifier("hello-world", "v0.2.1") == "hello-world@v0-2-1"
    assert plugin_identifier("a.b", "1.0") == "a-b@1-0"


# importing


def test_importing_needs_no_app_no_broker_and_no_database(tmp_path: Path):
    modules = {path.partition(":")[0] for path in PROMISES["names"]}
    modules |= {path.partition(":")[0] for path in PROMISES["signatures"]}
    modules.remove(WORKER.rstrip(":"))
    code = "\n".join(f"import {module}" for module in sorted(modules))
    run_python(code, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_importing_the_package_is_cheap(tmp_path: Path):
    code = "import sys, qhana_plugin_runner; assert 'flask' not in sys.modules"
    run_python(code, tmp_path)


def test_the_command_group_has_all_commands(app: Flask):
    """Tools for documentation read it from the package."""
    assert isinstance(cli, click.Group)
    with click.Context(cli, obj=ScriptInfo(create_app=lambda: app)) as context:
        assert {"create-db", "install", "plugins", "run"} <= set(
            cli.list_commands(context)
        )


def test_importing_the_worker_module_builds_the_app(tmp_path: Path):
    code = f"""
from {WORKER.rstrip(":")} import CELERY
from qhana_plugin_runner.celery import CELERY as same
assert CELERY is same
assert CELERY.flask_app.name == "qhana_plugin_runner"
"""
    run_python(code, tmp_path)


def run_python(code: str, folder: Path) -> None:
    """Run code in an interpreter of its own, whose instance folder is the given one."""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(TESTS.parent),
        "QHANA_PLUGIN_RUNNER_INSTANCE_FOLDER": str(folder),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    result = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr
