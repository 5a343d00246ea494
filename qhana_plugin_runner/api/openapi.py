# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The one API of an application: the routes of the runner and of all its plugins.

A plugin whose blueprint cannot be had or registered is reported and left out; the others
are not affected.
"""

from __future__ import annotations

from flask import Blueprint, Flask

from qhana_plugin_runner.api import (
    browser_rules,
    cors,
    error_answers,
    gate,
    mounted,
    request_limits,
    row_ids,
    step_ids,
    submission_rate,
    task_control_api,
    task_events_api,
    task_ids,
    task_list_api,
    viewers,
)
from qhana_plugin_runner.api.document import RunnerApi
from qhana_plugin_runner.api.files_api import FILES_API
from qhana_plugin_runner.api.health_api import ALIASES as HEALTH_ALIASES
from qhana_plugin_runner.api.health_api import HEALTH_API
from qhana_plugin_runner.api.metrics_api import ALIASES as METRICS_ALIASES
from qhana_plugin_runner.api.metrics_api import METRICS_API
from qhana_plugin_runner.api.mounted import MountedPlugin, MountedPlugins
from qhana_plugin_runner.api.plugins_api import PLUGINS_API
from qhana_plugin_runner.api.root_api import ROOT_API
from qhana_plugin_runner.api.tasks_api import TASKS_API
from qhana_plugin_runner.errors import PluginConflictError, PluginLoadError
from qhana_plugin_runner.plugin_loader import LoadReport, get_load_report
from qhana_plugin_runner.util.plugins import QHAnaPluginBase

_EXTENSION = "qhana-openapi"

# These modules add routes to the blueprint of the tasks.
_MORE_ROUTES = (task_control_api, task_events_api, task_list_api)


def init_app(app: Flask) -> None:
    """Build the API of the application and mount the runner's and the plugins' routes."""
    cors.init_app(app)
    browser_rules.init_app(app)
    request_limits.init_app(app)
    submission_rate.init_app(app)
    row_ids.init_app(app)
    task_ids.init_app(app)
    error_answers.init_app(app)
    gate.init_app(app)
    step_ids.init_app(app)  # asks who the gate has let in
    plugins = mounted.init_app(app)
    api = app.extensions[_EXTENSION] = RunnerApi(app)
    ids = task_ids.task_ids_of(app)
    for converter in (task_ids.TaskIdConverter, step_ids.StepIdConverter):
        api.register_converter(converter, ids.parameter_schema)
    prefix = url_prefix(app)
    for blueprint in (
        ROOT_API,
        PLUGINS_API,
        TASKS_API,
        FILES_API,
        HEALTH_API,
        METRICS_API,
    ):
        api.register_blueprint(
            blueprint, url_prefix=prefix + (blueprint.url_prefix or "")
        )
    app.register_blueprint(HEALTH_ALIASES)
    app.register_blueprint(METRICS_ALIASES)
    viewers.init_app(app, api, prefix)
    with app.app_context():
        report = get_load_report()
    _mount_all(app, api, plugins, report)


def url_prefix(app: Flask) -> str:
    """Return the path below which the whole API lies, without a slash at the end."""
    prefix = (app.config.get("OPENAPI_URL_PREFIX") or "").strip("/")
    return f"/{prefix}" if prefix else ""


def _mount_all(
    app: Flask, api: RunnerApi, plugins: MountedPlugins, report: LoadReport
) -> None:
    stage = _stage(app)
    for identifier, plugin in report.plugins.items():
        path = f"{url_prefix(app)}/plugins/{identifier}"
        try:
            blueprint = plugin.get_api_blueprint()
            _require_usable(app, plugins, blueprint, plugin)
            # Flask cannot take half a blueprint back, so it is tried out first.
            stage.register_blueprint(blueprint, url_prefix=path)
            api.register_blueprint(blueprint, url_prefix=path)
        except NotImplementedError:
            continue  # a plugin without API
        except (Exception, SystemExit) as err:
            report.fail(plugin, _reason(err), err)
            stage = _stage(app)
            continue
        type(plugin).has_api = True
        plugins.add(MountedPlugin(plugin, path, blueprint.name))


def _stage(app: Flask) -> Flask:
    """Return an application that nobody uses, to try blueprints out on."""
    stage = Flask("rehearsal", static_folder=None)
    stage.config = app.config
    stage.url_rule_class = app.url_rule_class
    stage.extensions = dict(app.extensions)
    stage.url_map.converters = app.url_map.converters
    return stage


def _require_usable(
    app: Flask, plugins: MountedPlugins, blueprint: object, plugin: QHAnaPluginBase
) -> None:
    if not isinstance(blueprint, Blueprint):
        raise PluginLoadError(
            f"get_api_blueprint() of {plugin.identifier} returned a "
            f"{type(blueprint).__name__} instead of a blueprint."
        )
    for other in plugins.by_identifier.values():
        if other.blueprint_name == blueprint.name:
            raise PluginConflictError(
                f"Two plugins have a blueprint named {blueprint.name!r}: "
                f"{other.plugin.identifier} (used) and {plugin.identifier} (refused)."
            )
    if blueprint.name in app.blueprints:
        raise PluginConflictError(
            f"The blueprint name {blueprint.name!r} of {plugin.identifier} belongs to "
            "the plugin runner. Name the blueprint after the plugin's identifier."
        )


def _reason(err: BaseException) -> str:
    if isinstance(err, (PluginConflictError, PluginLoadError)):
        return str(err)
    return f"Its blueprint cannot be used: {type(err).__name__}: {err}"
