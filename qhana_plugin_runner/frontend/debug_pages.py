# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Pages for developers in debug mode: all routes, and a host for micro frontends."""

from __future__ import annotations

import re

from flask import Blueprint, Flask, current_app, request
from werkzeug.routing import Rule

from ..api.browser_rules import render_own_page

DEBUG_BLP = Blueprint(
    "debug-routes",
    __name__,
    url_prefix="/debug",
    static_folder="debug_static",
    static_url_path="/static",
)

_PLUGIN_PAGE = re.compile(r"(^|/)plugins/[^/<]+/.+")


def _is_micro_frontend(rule: Rule) -> bool:
    return "GET" in (rule.methods or ()) and bool(_PLUGIN_PAGE.search(rule.rule))


@DEBUG_BLP.get("/")
@DEBUG_BLP.get("/index")
def index() -> str:
    """Links to the other debug pages."""
    return render_own_page("qhana_runner/debug_index.html")


@DEBUG_BLP.get("/routes")
def routes() -> str:
    """All routes of the app with their methods and endpoints."""
    rules = sorted(current_app.url_map.iter_rules(), key=lambda r: (r.rule, r.endpoint))
    rows = [(rule.rule, sorted(rule.methods or ()), rule.endpoint) for rule in rules]
    return render_own_page("qhana_runner/debug_routes.html", rows=rows)


@DEBUG_BLP.get("/frontend-debugger")
def frontend_debugger() -> str:
    """A host that shows a micro frontend and the messages of both sides."""
    paths = {
        request.root_path + rule.rule
        for rule in current_app.url_map.iter_rules()
        if _is_micro_frontend(rule)
    }
    return render_own_page(
        "qhana_runner/debug_frontend.html", frames="http: https:", paths=sorted(paths)
    )


def init_app(app: Flask) -> None:
    """Register the pages, and let templates show their variables (``{% debug %}``)."""
    app.register_blueprint(DEBUG_BLP)
    app.jinja_env.add_extension("jinja2.ext.debug")
