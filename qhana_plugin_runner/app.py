# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The application factory: configuration first, then one line for each part."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Flask, Request
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import MapAdapter

from . import (
    babel,
    celery,
    cli,
    db,
    health,
    plugin_loader,
    publishing,
    recovery,
    registry_client,
    requests,
    storage,
    task_watch,
    webhooks,
)
from .api import jwt, openapi
from .config import APP_NAME, instance_path, load_config
from .frontend import forms, markdown, pages
from .util.logging import configure_logging

# Probes use addresses as hosts; these answers contain no URLs.
_PROBED_PATHS = ("/health/", "/healthz", "/readyz")


class RunnerFlask(Flask):
    """Flask, except that ``SERVER_NAME`` only counts where there is no request."""

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """Return the adapter that builds URLs, for the host of the request if any."""
        if request is None:
            return super().create_url_adapter(None)
        trusted_hosts = self.config.get("TRUSTED_HOSTS")
        if trusted_hosts is not None and not request.path.startswith(_PROBED_PATHS):
            request.trusted_hosts = trusted_hosts
            _ = request.host  # raises SecurityError for other hosts
        return self.url_map.bind_to_environ(request.environ)


def build_app(
    test_config: Mapping[str, Any] | None = None, silent_log: bool = False
) -> Flask:
    """Build the application; see :func:`qhana_plugin_runner.create_app`."""
    app = RunnerFlask(
        APP_NAME, instance_path=instance_path(), instance_relative_config=True
    )
    load_config(app, test_config)
    configure_logging(app, silent_log)
    _trust_proxies(app)
    # parts
    babel.init_app(app)
    db.init_app(app)
    celery.init_app(app)
    publishing.init_app(app)
    requests.init_app(app)
    jwt.init_app(app)
    registry_client.init_app(app)
    webhooks.init_app(app)
    forms.init_app(app)
    markdown.init_app(app)
    plugin_loader.init_app(app)
    openapi.init_app(app)
    storage.init_app(app)
    recovery.init_app(app)
    task_watch.init_app(app)
    health.init_app(app)
    pages.init_app(app)
    cli.init_app(app)
    return app


def _trust_proxies(app: Flask) -> None:
    count = app.config.get("REVERSE_PROXY_COUNT") or 0
    if count:
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app,
            x_for=count,
            x_proto=count,
            x_host=count,
            x_port=count,
            x_prefix=count,
        )
