# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The runner with a slow view and a large file, for gunicorn."""

from __future__ import annotations

import time
from pathlib import Path

from flask import Flask, Response, request, send_file

from qhana_plugin_runner import create_app


def create() -> Flask:
    """Return the application."""
    app = create_app()
    large = Path(app.instance_path, "large")
    with large.open("wb") as file:
        file.truncate(50_000_000)

    @app.get("/test/slow/<float:seconds>/")
    def slow(seconds: float) -> str:
        time.sleep(seconds)
        return "done"

    @app.get("/test/file/")
    def send_large_file() -> Response:
        return send_file(large)

    @app.get("/test/stream/")
    def stream() -> Response:
        return Response(b"x" * 65536 for _ in range(1000))

    @app.post("/test/form/")
    def form() -> dict[str, str]:
        return request.form.to_dict()

    return app
