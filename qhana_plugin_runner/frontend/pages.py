# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The runner's own pages for browsers: index, errors, licences and debug pages."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urljoin

from flask import Flask, current_app, request, url_for
from werkzeug.routing import BuildError

from ..api.browser_rules import render_own_page
from ..babel import N_
from ..identity import current_identity, tokens_are_required
from ..plugin_loader import LOADED, PluginEntry, get_load_report
from . import debug_pages, licenses, login
from .forms import safe_url

_LOGGER = logging.getLogger("qhana_plugin_runner.frontend.pages")
_EXTENSION = "qhana-index"
_METADATA_SECONDS = 60.0

# The types of plugins as words for people.
_TYPES = (
    N_("processing"),
    N_("visualization"),
    N_("conversion"),
    N_("dataloader"),
    N_("interaction"),
)

_VIEWERS = (
    ("ReDoc", "api-docs.openapi_redoc"),
    ("RapiDoc", "api-docs.openapi_rapidoc"),
    ("Swagger UI", "api-docs.openapi_swagger_ui"),
    ("OpenAPI", "api-docs.openapi_json"),
)


@dataclass(frozen=True)
class PluginCard:
    """What the index shows of one plugin; URLs are empty if there is nothing to link."""

    identifier: str
    title: str
    name: str
    version: str
    type: str = ""
    description: str = ""
    tags: list[str] = field(default_factory=list)
    href: str = ""
    ui_href: str = ""
    docs_href: str = ""


def render_index() -> str:
    """The page that a browser gets at the root: plugins, failures and viewers."""
    entries = get_load_report().entries
    roots = _plugin_roots()
    cards = [
        _card(entry, roots.get(entry.identifier or ""))
        for entry in entries
        if entry.state == LOADED
    ]
    return render_own_page(
        "qhana_runner/index.html",
        cards=sorted(cards, key=lambda card: (card.title.lower(), card.version)),
        failures=[entry for entry in entries if entry.state != LOADED],
        viewers=[(name, url) for name, at in _VIEWERS if (url := _url(at)) is not None],
        licenses_url=_url("licenses.show_licenses"),
        login_url=_login_url(),
        debug_url=_url("debug-routes.index"),
        debugger_url=_url("debug-routes.frontend_debugger"),
    )


def render_error_page(code: int, status: str, message: str) -> str:
    """A small page for a browser that met an error.

    Args:
        code: the HTTP status code.
        status: its reason phrase.
        message: one sentence for people, may be empty.
    """
    return render_own_page(
        "qhana_runner/error.html", code=code, status=status, message=message
    )


def _url(endpoint: str, **values: Any) -> str | None:
    try:
        return url_for(endpoint, **values)
    except BuildError:
        return None  # a part of the runner that this app does without


def _login_url() -> str | None:
    is_known = tokens_are_required() or current_identity() is not None
    return _url("login.show") if is_known else None


def _plugin_roots() -> dict[str, str]:
    """The path of the metadata of every plugin that has one, by identifier."""
    roots = {}
    for rule in current_app.url_map.iter_rules():
        identifier = rule.endpoint.rpartition(".")[0]
        is_root = identifier and rule.rule.endswith(f"/plugins/{identifier}/")
        if is_root and "GET" in (rule.methods or ()):
            roots[identifier] = rule.rule
    return roots


def _card(entry: PluginEntry, root: str | None) -> PluginCard:
    identifier = entry.identifier or entry.name
    if root is None:
        return PluginCard(
            identifier=identifier,
            title=entry.name,
            name=entry.name,
            version=entry.version,
            description=str(getattr(entry.plugin, "description", "")),
        )
    metadata = _metadata(identifier, root)
    href = request.root_path + root
    ui_href = str(_get_dict(metadata, "entryPoint").get("uiHref") or "")
    if safe_url(ui_href) != ui_href:
        ui_href = ""
    docs = _url("api-docs.openapi_redoc")
    return PluginCard(
        identifier=identifier,
        title=str(metadata.get("title") or entry.name),
        name=entry.name,
        version=entry.version,
        type=str(metadata.get("type") or ""),
        description=str(
            metadata.get("description") or getattr(entry.plugin, "description", "")
        ),
        tags=[
            str(tag) for tag in metadata.get("tags") or getattr(entry.plugin, "tags", [])
        ],
        href=href,
        ui_href=urljoin(href, ui_href) if ui_href else "",
        docs_href=f"{docs}#tag/{quote(identifier)}" if docs else "",
    )


def _get_dict(document: dict[str, Any], key: str) -> dict[str, Any]:
    value = document.get(key)
    return value if isinstance(value, dict) else {}


def _metadata(identifier: str, path: str) -> dict[str, Any]:
    """The metadata of a plugin, at most a minute old; empty if its view fails."""
    cache = current_app.extensions[_EXTENSION]
    expires, metadata = cache.get(identifier, (0.0, {}))
    if expires < time.monotonic():
        metadata = _ask_plugin(identifier, path)
        cache[identifier] = (time.monotonic() + _METADATA_SECONDS, metadata)
    return metadata


def _ask_plugin(identifier: str, path: str) -> dict[str, Any]:
    # A context of its own, so that the plugin's view cannot spoil this request's
    # database session.
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    headers = {"Accept": "application/json"}
    if "Authorization" in request.headers:
        headers["Authorization"] = request.headers["Authorization"]
    try:
        with app.app_context():
            response = app.test_client(use_cookies=False).get(
                path, base_url=request.url_root, headers=headers
            )
        document = response.get_json(silent=True) if response.status_code == 200 else None
    except Exception:  # whatever a plugin raises, the index is shown
        _LOGGER.warning("The metadata of %s cannot be shown.", identifier, exc_info=True)
        return {}
    return document if isinstance(document, dict) else {}


def init_app(app: Flask) -> None:
    """Register the pages; those for developers only in debug mode."""
    app.extensions[_EXTENSION] = {}
    app.jinja_env.globals["qhana_home_url"] = lambda: _url("api-root.RootView") or "/"
    licenses.init_app(app)
    login.init_app(app)
    if app.debug:
        debug_pages.init_app(app)
