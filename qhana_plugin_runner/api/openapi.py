# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The one API of an application: its OpenAPI document and all blueprints in it.

A plugin whose blueprint cannot be had or registered is reported and left out; the others
are not affected.
"""

from __future__ import annotations

import hashlib
import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import Enum
from typing import Any

from flask import Blueprint, Flask, Response, request
from flask import json as flask_json
from flask_smorest import Api

from qhana_plugin_runner.api import error_answers, mounted, row_ids, viewers
from qhana_plugin_runner.api.files_api import FILES_API
from qhana_plugin_runner.api.jwt import SECURITY_SCHEMES
from qhana_plugin_runner.api.mounted import MountedPlugin, MountedPlugins
from qhana_plugin_runner.api.plugins_api import PLUGINS_API
from qhana_plugin_runner.api.root_api import ROOT_API
from qhana_plugin_runner.api.tasks_api import TASKS_API
from qhana_plugin_runner.errors import PluginConflictError
from qhana_plugin_runner.plugin_loader import LoadReport, get_load_report
from qhana_plugin_runner.util.plugins import QHAnaPluginBase

_LOGGER = logging.getLogger("qhana_plugin_runner.api")
_EXTENSION = "qhana-openapi"


class RunnerApi(Api):
    """flask-smorest's API with a cached document and viewers that work offline."""

    def _register_doc_blueprint(self) -> None:
        blueprint = Blueprint("api-docs", __name__, url_prefix=_prefix(self._app) or "/")
        path = self._app.config.get("OPENAPI_JSON_PATH", "api-spec.json")
        blueprint.add_url_rule(
            "/" + path.lstrip("/"), "openapi_json", self._serve_document
        )
        with self._app.app_context():
            viewers.add_viewer_routes(blueprint)
        self._app.register_blueprint(blueprint)
        self._document: tuple[bytes, str] | None = None

    def _serve_document(self) -> Response:
        # Nothing changes the document once the application serves requests.
        if self._document is None:
            text = flask_json.dumps(self.spec.to_dict(), indent=2, sort_keys=False)
            body = text.encode()
            self._document = body, hashlib.sha256(body).hexdigest()[:32]
        body, etag = self._document
        response = Response(body, mimetype="application/json")
        response.set_etag(etag)
        response.headers["Cache-Control"] = "no-cache"
        return response.make_conditional(request)


def init_app(app: Flask) -> None:
    """Build the API of the application and mount the runner's and the plugins' routes."""
    row_ids.init_app(app)
    plugins = mounted.init_app(app)
    api = app.extensions[_EXTENSION] = RunnerApi()
    with _quiet_schema_names():
        api.init_app(app)
        error_answers.init_app(app)
        api.ma_plugin.converter.add_attribute_function(_plain_attributes)
        for converter in (row_ids.AsciiIntegerConverter, row_ids.RowIdConverter):
            api.register_converter(
                converter, lambda _converter: {"type": "integer", "minimum": 0}
            )
        for name, scheme in SECURITY_SCHEMES.items():
            api.spec.components.security_scheme(name, scheme)
        for blueprint in (ROOT_API, PLUGINS_API, TASKS_API, FILES_API):
            api.register_blueprint(
                blueprint, url_prefix=_prefix(app) + (blueprint.url_prefix or "")
            )
        with app.app_context():
            report = get_load_report()
        for plugin in list(report.plugins.values()):
            _mount(app, api, plugins, report, plugin)


def _plain_attributes(
    self: Any, field: Any, ret: dict[str, Any], **_kwargs: Any
) -> dict[str, Any]:
    """Describe a field in JSON values (plugins use members of enumerations)."""
    return {key: _plain(value) for key, value in ret.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    return str(value)


def _prefix(app: Flask) -> str:
    prefix = (app.config.get("OPENAPI_URL_PREFIX") or "").strip("/")
    return f"/{prefix}" if prefix else ""


@contextmanager
def _quiet_schema_names() -> Iterator[None]:
    # Plugins give their schemas equal names; apispec numbers them, which is fine.
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Multiple schemas resolved to the name")
        yield


def _mount(
    app: Flask,
    api: RunnerApi,
    plugins: MountedPlugins,
    report: LoadReport,
    plugin: QHAnaPluginBase,
) -> None:
    url_prefix = f"{_prefix(app)}/plugins/{plugin.identifier}"
    try:
        blueprint = plugin.get_api_blueprint()
        _require_free_name(plugins, blueprint, plugin)
        _rehearse(blueprint, url_prefix)
        app.register_blueprint(blueprint, url_prefix=url_prefix)
    except NotImplementedError:
        return
    except KeyboardInterrupt:
        raise
    except BaseException as err:  # a plugin may even call sys.exit()
        report.fail(plugin, _reason(err), err)
        return
    type(plugin).has_api = True
    plugins.add(MountedPlugin(plugin, url_prefix, blueprint.name))
    _document(app, api, blueprint)


def _reason(err: BaseException) -> str:
    if isinstance(err, PluginConflictError):
        return str(err)
    return f"Its blueprint cannot be used: {type(err).__name__}: {err}"


def _require_free_name(
    plugins: MountedPlugins, blueprint: Blueprint, plugin: QHAnaPluginBase
) -> None:
    for other in plugins.by_identifier.values():
        if other.blueprint_name == blueprint.name:
            raise PluginConflictError(
                f"Two plugins have a blueprint named {blueprint.name!r}: "
                f"{other.plugin.identifier} (used) and {plugin.identifier} (refused)."
            )


def _rehearse(blueprint: Blueprint, url_prefix: str) -> None:
    # Flask cannot take half a blueprint back, so it is tried on an app that nobody uses.
    rehearsal = Flask("rehearsal", static_folder=None)
    row_ids.init_app(rehearsal)
    rehearsal.register_blueprint(blueprint, url_prefix=url_prefix)


def _document(app: Flask, api: RunnerApi, blueprint: Blueprint) -> None:
    app.extensions["flask-smorest"]["blp_name_to_api"][blueprint.name] = api
    if not hasattr(blueprint, "register_views_in_doc"):
        return  # a plain Flask blueprint
    try:
        blueprint.register_views_in_doc(
            api, app, api.spec, name=blueprint.name, parameters=None
        )
        description: Any = getattr(blueprint, "description", "")
        api.spec.tag({"name": blueprint.name, "description": description})
    except Exception as err:  # the routes work all the same
        _LOGGER.error(
            "The routes of %s are not (all) part of the OpenAPI document.",
            blueprint.name,
            exc_info=err,
        )
