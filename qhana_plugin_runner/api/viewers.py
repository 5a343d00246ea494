# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Viewers of the OpenAPI document that work without internet.

Their scripts come from optional Python packages (the extra ``viewers``). Only the files
of these packages are used, none of their code runs.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, abort, current_app, render_template, url_for
from flask.helpers import send_from_directory

_ONE_DAY = 24 * 3600


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


def add_viewer_routes(blueprint: Blueprint) -> None:
    """Add the pages and files of all viewers to the documentation blueprint."""
    for viewer in VIEWERS:
        path = current_app.config.get(f"OPENAPI_{viewer.name.upper()}_PATH")
        if not path:
            continue
        path = "/" + path.strip("/") + "/"
        endpoint = f"openapi_{viewer.name}"
        blueprint.add_url_rule(
            path, endpoint, _show, defaults={"viewer_name": viewer.name}
        )
        blueprint.add_url_rule(
            f"{path}assets/<path:file>",
            f"{endpoint}_asset",
            _asset,
            defaults={"viewer_name": viewer.name},
        )


def _viewer(name: str) -> Viewer:
    return next(viewer for viewer in VIEWERS if viewer.name == name)


def _show(viewer_name: str) -> str:
    viewer = _viewer(viewer_name)
    urls = _configured_urls(viewer)
    if not urls and viewer.asset_folder() is not None:
        urls = {
            purpose: url_for(f"api-docs.openapi_{viewer.name}_asset", file=file)
            for purpose, file in viewer.files.items()
        }
    return render_template(
        "qhana_runner/viewer.html",
        viewer=viewer,
        urls=urls,
        title=current_app.config["API_TITLE"],
        spec_url=url_for("api-docs.openapi_json"),
        attributes=_attributes(viewer),
    )


def _configured_urls(viewer: Viewer) -> dict[str, str]:
    url = current_app.config.get(f"OPENAPI_{viewer.name.upper()}_URL")
    if not url:
        return {}
    if viewer.name != "swagger_ui":
        return {"script": url}
    base = url.rstrip("/")
    return {"script": f"{base}/swagger-ui-bundle.js", "style": f"{base}/swagger-ui.css"}


def _attributes(viewer: Viewer) -> dict[str, Any]:
    if viewer.name == "rapidoc":
        return dict(current_app.config.get("OPENAPI_RAPIDOC_CONFIG") or {})
    return {}


def _asset(viewer_name: str, file: str) -> Response:
    viewer = _viewer(viewer_name)
    folder = viewer.asset_folder()
    if folder is None or file not in viewer.files.values():
        abort(404)
    return send_from_directory(folder, file, max_age=_ONE_DAY)
