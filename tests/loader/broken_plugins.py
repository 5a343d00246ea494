# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Writes a folder with one good plugin and thirteen that are broken in different ways."""

from __future__ import annotations

from pathlib import Path

GOOD = """
from http import HTTPStatus

from celery import chain
from flask import redirect, url_for
from flask.views import MethodView
from marshmallow import EXCLUDE

import flask
from flask import Markup
from qhana_plugin_runner.api.plugin_schemas import (
    EntryPoint, PluginMetadata, PluginMetadataSchema, PluginType,
)
from qhana_plugin_runner.api.util import (
    FrontendFormBaseSchema, MaBaseSchema, SecurityBlueprint,
)
from qhana_plugin_runner.celery import CELERY
from qhana_plugin_runner.db.models.tasks import ProcessingTask
from qhana_plugin_runner.tasks import save_task_error, save_task_result
from qhana_plugin_runner.util.plugins import QHAnaPluginBase, plugin_identifier

_NAME, _VERSION = "{name}", "{version}"
_IDENTIFIER = plugin_identifier(_NAME, _VERSION)
BLP = SecurityBlueprint("{blueprint}" or _IDENTIFIER, __name__, description="A test.")


@BLP.route("/")
class MetadataView(MethodView):
    @BLP.response(HTTPStatus.OK, PluginMetadataSchema)
    @BLP.require_jwt("jwt", optional=True)
    def get(self):
        return PluginMetadata(
            title=_NAME, description="A test.", name=_NAME, version=_VERSION,
            type=PluginType.processing, tags=[],
            entry_point=EntryPoint(
                href=url_for(f"{{BLP.name}}.ProcessView"), ui_href="./ui/"
            ),
        )


@BLP.route("/process/")
class ProcessView(MethodView):
    @BLP.arguments(FrontendFormBaseSchema(unknown=EXCLUDE), location="form")
    @BLP.response(HTTPStatus.SEE_OTHER)
    @BLP.require_jwt("jwt", optional=True)
    def post(self, arguments):
        row = ProcessingTask(task_name=demo_task.name, parameters="")
        row.save(commit=True)
        task = chain(demo_task.s(db_id=row.id), save_task_result.s(db_id=row.id))
        task.link_error(save_task_error.s(db_id=row.id))
        task.apply_async()
        return redirect(
            url_for("tasks-api.TaskView", task_id=str(row.id)), HTTPStatus.SEE_OTHER
        )


class {cls}(QHAnaPluginBase):
    name = _NAME
    version = _VERSION
    description = "A test."

    def __init__(self, app):
        super().__init__(app)
        {init}

    def get_api_blueprint(self):
        {get_blueprint}

    def get_requirements(self):
        return ""


@CELERY.task(name=f"{{{cls}.instance.identifier}}.demo_task", bind=True)
def demo_task(self, db_id):
    return "done"
"""


def plugin(
    name: str,
    version: str = "v1.0.0",
    cls: str = "Plugin",
    blueprint: str = "",
    init: str = "pass",
    get_blueprint: str = "return BLP",
) -> str:
    """Return the source of a plugin module."""
    return GOOD.format(
        name=name,
        version=version,
        cls=cls,
        blueprint=blueprint,
        init=init,
        get_blueprint=get_blueprint,
    )


def write_broken_folders(root: Path) -> list[str]:
    """Write the plugins.

    Args:
        root: an empty folder.

    Returns:
        The two plugin folders, in the order in which they must be configured.
    """
    first, second = root / "first", root / "second"
    first.mkdir()
    second.mkdir()
    modules = {
        "bp_good": plugin("good-plugin"),
        "bp_syntax": "def broken(:\n    pass\n",
        "bp_import_error": "from qhana_plugin_runner import no_such_name\n",
        "bp_missing_dependency": "import a_package_nobody_has\n",
        "bp_identifier_a": plugin("same-identifier"),
        "bp_identifier_b": plugin("same-identifier"),
        "json": plugin("shadow"),
        "bp_raises_init": plugin("raises-init", init="raise RuntimeError('no luck')"),
        "bp_raises_blueprint": plugin(
            "raises-blueprint", get_blueprint="raise RuntimeError('no blueprint')"
        ),
        "bp_bad_version": plugin("bad-version", version="not a version/.."),
        "bp_no_version": plugin("no-version", version=""),
        "bp_dot_name": plugin("dot-name", blueprint="a.dot"),
        "bp_blueprint_a": plugin("blueprint-a", blueprint="one-name"),
        "bp_blueprint_b": plugin("blueprint-b", blueprint="one-name"),
        "bp_sysexit": "import sys\nsys.exit(3)\n",
        "bp_same_module": plugin("first-module"),
    }
    for name, source in modules.items():
        (first / f"{name}.py").write_text(source)
    (second / "bp_same_module.py").write_text(plugin("second-module"))
    return [str(first), str(second)]


REASONS = {
    "bp_syntax": "SyntaxError",
    "bp_import_error": "no_such_name",
    "bp_missing_dependency": "a_package_nobody_has",
    "bp_identifier_b": "Two plugins have the identifier same-identifier@v1-0-0",
    "json": "standard library",
    "bp_raises_init": "no luck",
    "bp_raises_blueprint": "no blueprint",
    "bp_bad_version": "PEP 440",
    "bp_no_version": "has no version",
    "bp_dot_name": "dot",
    "bp_blueprint_b": "one-name",
    "bp_sysexit": "sys.exit(3)",
    "bp_same_module": "its import name 'bp_same_module' belongs to",
}
