# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The limit of the API: a Flask application whose views return bytes that are ready."""

from __future__ import annotations

from pathlib import Path

from flask import Flask, Response


def create_app(folder: str) -> Flask:
    """Return an application that answers ``/<file>`` with the content of each file.

    Args:
        folder: holds the files; the part behind the first dot of a name is the type.
    """
    app = Flask("empty", static_folder=None)
    types = {".json": "application/json", ".html": "text/html; charset=utf-8"}
    for file in Path(folder).iterdir():
        body, type_ = file.read_bytes(), types.get(file.suffix, "text/plain")

        def view(body: bytes = body, type_: str = type_) -> Response:
            return Response(body, content_type=type_)

        app.add_url_rule(f"/{file.name}", file.name, view)
    return app
