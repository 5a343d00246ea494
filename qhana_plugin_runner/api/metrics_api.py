# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The metrics, for Prometheus and whoever else reads its format."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from flask import Blueprint, Response, request
from flask.views import MethodView
from webargs.flaskparser import abort

from qhana_plugin_runner import metrics, runner_metrics
from qhana_plugin_runner.api.util import SecurityBlueprint
from qhana_plugin_runner.babel import gettext

METRICS_API = SecurityBlueprint(
    "metrics-api",
    __name__,
    description="Numbers of the whole runner: all servers and workers.",
    url_prefix="/metrics",
)

# Scrapers are configured once for all services: the usual path, whatever the prefix.
ALIASES = Blueprint("metrics-aliases", __name__)


@METRICS_API.route("/", strict_slashes=False)
class MetricsView(MethodView):
    """All metrics."""

    @METRICS_API.alt_response(
        HTTPStatus.OK,
        schema={"type": "string"},
        content_type="text/plain",
        description="The metrics in the text format of Prometheus or OpenMetrics.",
        success=True,
    )
    @METRICS_API.alt_response(HTTPStatus.NOT_FOUND, "DEFAULT_ERROR")
    def get(self) -> Any:
        """Get all metrics; 404 if they are switched off."""
        if not metrics.is_on():
            abort(404, message=gettext("The setting METRICS is off."))
        body, media_type = runner_metrics.render(request.headers.get("Accept", ""))
        response = Response(body, content_type=media_type)
        response.cache_control.no_store = True
        return response


ALIASES.add_url_rule(
    "/metrics/", view_func=MetricsView.as_view("metrics"), strict_slashes=False
)
