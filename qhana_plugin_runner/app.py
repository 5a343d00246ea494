# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The application factory: configuration first, then one line for each part."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from . import (
    babel,
    celery,
    commands,
    db,
    health,
    metrics,
    plugin_loader,
    publishing,
    recovery,
    redaction,
    registry_client,
    request_ids,
    requests,
    runner_metrics,
    storage,
    task_watch,
    tracing,
    webhooks,
)
from .api import jwt, openapi
from .config import APP_NAME, instance_path, load_config
from .db import single_inserts
from .frontend import forms, markdown, pages
from .util.logging import configure_logging
from .web_app import RunnerFlask


def build_app(
    test_config: Mapping[str, Any] | None = None, silent_log: bool = False
) -> Flask:
    """Build the application; see :func:`qhana_plugin_runner.create_app`."""
    app = RunnerFlask(
        APP_NAME, instance_path=instance_path(), instance_relative_config=True
    )
    load_config(app, test_config)
    configure_logging(app, silent_log)
    redaction.init_app(app)
    _trust_proxies(app)
    # parts
    request_ids.init_app(app)
    metrics.init_app(app)
    babel.init_app(app)
    db.init_app(app)
    single_inserts.init_app(app)
    celery.init_app(app)
    tracing.init_app(app)
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
    runner_metrics.init_app(app)
    pages.init_app(app)
    commands.init_app(app)
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
