# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""What every answer tells browsers, and which ``Host`` headers are no host at all.

Micro frontends are framed by pages of other origins and load scripts from anywhere, so
there is neither ``X-Frame-Options`` nor a policy for scripts. The setting
``FRAME_ANCESTORS`` limits framing to a list of origins. Views may set each of these
headers themselves.
"""

from __future__ import annotations

from flask import Flask, Response, current_app, request
from webargs.flaskparser import abort


def init_app(app: Flask) -> None:
    """Check all requests and add the headers to all answers of an app."""
    app.before_request(_refuse_malformed_host)
    app.after_request(_add_headers)


def _refuse_malformed_host() -> None:
    # Werkzeug says "" if the host has characters that no host has. Absolute URLs in the
    # answer would be broken.
    if request.headers.get("Host") and not request.host:
        abort(400, message="The Host header is malformed.")


def _add_headers(response: Response) -> Response:
    headers = response.headers
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Referrer-Policy", "strict-origin-when-cross-origin")
    ancestors = current_app.config.get("FRAME_ANCESTORS")
    if ancestors and response.mimetype == "text/html":
        sources = [ancestors] if isinstance(ancestors, str) else ancestors
        # A second header: all policies count, so the one of the view stays as it is.
        headers.add("Content-Security-Policy", f"frame-ancestors {' '.join(sources)}")
    return response
