# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Letting the web server in front of the runner send local files.

The answer has no body but a header that names the file. nginx (``X-Accel-Redirect``) and
Apache or lighttpd (``X-Sendfile``) then send it, with ranges and validators of their own.
"""

from __future__ import annotations

from urllib.parse import quote

from flask import Response, current_app

from qhana_plugin_runner.storage import Download

#: Where nginx finds the folder of the store if ``FILE_SERVE_PREFIX`` does not say.
DEFAULT_PREFIX = "/_files"


def delegated(download: Download) -> Response | None:
    """Return the answer that lets the web server send a file.

    Returns:
        ``None`` if ``FILE_SERVE_HEADER`` is ``none`` or the file is not on this machine.
    """
    kind = current_app.config.get("FILE_SERVE_HEADER", "none")
    if kind == "none" or download.path is None or download.root is None:
        return None
    prefix = current_app.config.get("FILE_SERVE_PREFIX")
    below = download.path.relative_to(download.root).as_posix()
    response = Response()
    if kind == "x-accel-redirect":
        prefix = (prefix or DEFAULT_PREFIX).rstrip("/")
        response.headers["X-Accel-Redirect"] = f"{prefix}/{quote(below)}"
    else:
        root = prefix.rstrip("/") if prefix else download.root.as_posix()
        response.headers["X-Sendfile"] = quote(f"{root}/{below}")
    return response
