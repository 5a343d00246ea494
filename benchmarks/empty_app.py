# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The limit of the API: Flask applications whose views do next to nothing."""

from __future__ import annotations

import shutil
from pathlib import Path

from flask import Flask, Response, request


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


def create_sink(file: str) -> Flask:
    """Return an application that writes the body of each request to a file.

    Args:
        file: path of the file, which each request writes anew.
    """
    app = Flask("sink", static_folder=None)

    @app.post("/")
    def write() -> Response:
        with Path(file).open("wb") as target:
            shutil.copyfileobj(request.stream, target, 1 << 20)
        return Response(status=204)

    return app
