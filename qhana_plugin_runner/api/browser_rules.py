# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""What every answer tells browsers, and which ``Host`` headers are no host at all.

The runner's own pages have a strict content security policy. Pages that plugins fill have
none for scripts: micro frontends have scripts inline and load them from anywhere, this is
part of what plugins may rely on. They are framed by pages of other origins as well, so
there is no ``X-Frame-Options``; the setting ``FRAME_ANCESTORS`` limits framing to a list
of origins. Views may set each of these headers themselves.
"""

from __future__ import annotations

from typing import Any

from flask import Flask, Request, Response, g, render_template
from webargs.flaskparser import abort

from qhana_plugin_runner.api import cors
from qhana_plugin_runner.babel import gettext
from qhana_plugin_runner.util.headers import complete
from qhana_plugin_runner.util.request_hooks import request_hooks

# Descriptions of plugins, which are sanitised, may show images of other sites.
_OWN_PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src http: https: data:; font-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'"
)
_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "strict-origin-when-cross-origin",
}
_UNUSED_FEATURES = ", ".join(
    f"{feature}=()"
    for feature in ("camera", "display-capture", "geolocation", "hid")
    + ("microphone", "midi", "payment", "serial", "usb")
)


def init_app(app: Flask) -> None:
    """Check all requests and add the headers to all answers of an app."""
    hooks = request_hooks(app)
    hooks.before(_refuse_malformed_host)
    hooks.after(_add_headers)


def render_own_page(template: str, frames: str = "'none'", **context: Any) -> str:
    """Render a page of the runner itself, which gets a strict policy.

    Args:
        template: name of the template; it has no inline scripts and styles.
        frames: sources of the frames that the page shows.
        **context: what the template needs.
    """
    g.qhana_page_policy = f"{_OWN_PAGE_POLICY}; frame-src {frames}"
    return render_template(template, **context)


def _refuse_malformed_host(_app: Flask, request: Request) -> None:
    # Werkzeug says "" if the host has characters that no host has. Absolute URLs in the
    # answer would be broken.
    if not request.host and request.environ.get("HTTP_HOST"):
        abort(400, message=gettext("The Host header is malformed."))


def _add_headers(app: Flask, request: Request, response: Response) -> None:
    headers = response.headers
    fixed, defaults = cors.answer_headers(app, request, response)
    complete(headers, fixed, {**_ALWAYS, **defaults})
    if request.is_secure and (seconds := app.config.get("HSTS_SECONDS")):
        headers.setdefault("Strict-Transport-Security", f"max-age={seconds}")
    if not (response.content_type or "").lower().startswith("text/html"):
        return
    headers.setdefault("Permissions-Policy", _UNUSED_FEATURES)
    if policy := g.pop("qhana_page_policy", None):
        headers.setdefault("Content-Security-Policy", policy)
    ancestors = app.config.get("FRAME_ANCESTORS")
    if ancestors:
        sources = [ancestors] if isinstance(ancestors, str) else ancestors
        # A second header: all policies count, so the one of the view stays as it is.
        headers.add("Content-Security-Policy", f"frame-ancestors {' '.join(sources)}")
