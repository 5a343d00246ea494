# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The OpenAPI document, and viewers of it that work without internet.

The viewers' scripts come from optional Python packages (the extra ``viewers``). Only the
files of these packages are used, none of their code runs; the pages load nothing else.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flask import (
    Blueprint,
    Flask,
    Response,
    abort,
    current_app,
    render_template,
    request,
    send_from_directory,
    url_for,
)
from werkzeug.http import quote_etag

from qhana_plugin_runner.api.document import RunnerApi
from qhana_plugin_runner.api.short_answers import ShortAnswer

# The URLs of files contain the version of their package.
_ONE_YEAR = 365 * 24 * 3600

_CONDITIONS = {"HTTP_IF_NONE_MATCH", "HTTP_IF_MATCH", "HTTP_IF_MODIFIED_SINCE"}


@dataclass(frozen=True)
class Viewer:
    """A viewer and where its files are.

    Attributes:
        name: last part of the endpoint name and of the settings' names.
        title: name for people.
        package: the Python package with the files.
        folder: their folder within the package.
        files: the files that pages load, by purpose.
    """

    name: str
    title: str
    package: str
    folder: str
    files: dict[str, str]

    @property
    def distribution(self) -> str:
        """The name to install."""
        return self.package.replace("_", "-")

    @property
    def version(self) -> str:
        """The version of the installed package, empty if it cannot be told."""
        try:
            return importlib.metadata.version(self.distribution)
        except importlib.metadata.PackageNotFoundError:
            return ""

    def asset_folder(self) -> Path | None:
        """Return the folder of the files, ``None`` if the package is not installed."""
        spec = importlib.util.find_spec(self.package)
        for location in (spec.submodule_search_locations or ()) if spec else ():
            folder = Path(location, self.folder)
            if all((folder / file).is_file() for file in self.files.values()):
                return folder
        return None


VIEWERS = (
    Viewer(
        "redoc",
        "ReDoc",
        "flask_openapi3_redoc",
        "templates/redoc",
        {"script": "js/redoc.standalone.js"},
    ),
    Viewer(
        "rapidoc",
        "RapiDoc",
        "flask_openapi3_rapidoc",
        "templates/rapidoc",
        {"script": "js/rapidoc-min.js"},
    ),
    Viewer(
        "swagger_ui",
        "Swagger UI",
        "flask_openapi3_swagger",
        "templates/swagger",
        {"script": "js/swagger-ui-bundle.js", "style": "css/swagger-ui.css"},
    ),
)


def init_app(app: Flask, api: RunnerApi, url_prefix: str) -> None:
    """Serve the OpenAPI document and its viewers.

    Args:
        app: the application.
        api: its API.
        url_prefix: path below which the API lies, without a slash at the end.
    """
    blueprint = Blueprint("api-docs", __name__, url_prefix=url_prefix or "/")
    path = app.config.get("OPENAPI_JSON_PATH") or "api-spec.json"
    blueprint.add_url_rule(
        "/" + path.lstrip("/"), "openapi_json", lambda: _answer_document(api)
    )
    for viewer in VIEWERS:
        _add_viewer_routes(app, blueprint, viewer)
    app.register_blueprint(blueprint)


def _answer_document(api: RunnerApi) -> Response:
    body, etag = api.serialised(request.root_path)
    headers = {"ETag": quote_etag(etag), "Cache-Control": "no-cache"}
    response = ShortAnswer(body, headers=headers, content_type="application/json")
    if _CONDITIONS & request.environ.keys():
        response.make_conditional(request)
    return response


def _add_viewer_routes(app: Flask, blueprint: Blueprint, viewer: Viewer) -> None:
    path = app.config.get(f"OPENAPI_{viewer.name.upper()}_PATH")
    if not path:
        return
    path = "/" + path.strip("/") + "/"
    endpoint = f"openapi_{viewer.name}"
    blueprint.add_url_rule(path, endpoint, lambda: _show(viewer))
    blueprint.add_url_rule(
        f"{path}assets/<path:file>",
        f"{endpoint}_asset",
        lambda file: _asset(viewer, file),
    )


def _show(viewer: Viewer) -> Response:
    urls = _configured_urls(viewer)
    if not urls and viewer.asset_folder() is not None:
        urls = {
            purpose: url_for(
                f"api-docs.openapi_{viewer.name}_asset", file=file, v=viewer.version
            )
            for purpose, file in viewer.files.items()
        }
    html = render_template(
        "qhana_runner/viewer.html",
        viewer=viewer,
        urls=urls,
        title=current_app.config["API_TITLE"],
        spec_url=url_for("api-docs.openapi_json"),
        attributes=_attributes(viewer),
    )
    headers = {"Content-Security-Policy": _content_policy(urls)}
    return Response(html, mimetype="text/html", headers=headers)


def _configured_urls(viewer: Viewer) -> dict[str, str]:
    url = current_app.config.get(f"OPENAPI_{viewer.name.upper()}_URL")
    if not url:
        return {}
    if viewer.name != "swagger_ui":
        return {"script": url}
    base = url.rstrip("/")
    return {"script": f"{base}/swagger-ui-bundle.js", "style": f"{base}/swagger-ui.css"}


def _attributes(viewer: Viewer) -> dict[str, Any]:
    if viewer.name != "rapidoc":
        return {}
    # Its fonts would come from the internet.
    return {
        "load-fonts": "false",
        **(current_app.config.get("OPENAPI_RAPIDOC_CONFIG") or {}),
    }


def _content_policy(urls: dict[str, str]) -> str:
    """Return a policy that allows this origin and those of configured files."""
    parts = [urlsplit(url) for url in urls.values()]
    origins = sorted({f"{part.scheme}://{part.netloc}" for part in parts if part.netloc})
    sources = " ".join(["'self'", *origins])
    return (
        f"default-src 'self'; script-src {sources}; style-src {sources} 'unsafe-inline'; "
        "img-src 'self' data: blob:; font-src 'self' data:; worker-src 'self' blob:"
    )


def _asset(viewer: Viewer, file: str) -> Response:
    folder = viewer.asset_folder()
    if folder is None or file not in viewer.files.values():
        abort(404)
    response = send_from_directory(folder, file, max_age=_ONE_YEAR)
    response.cache_control.public = True
    response.cache_control.immutable = True
    return response
