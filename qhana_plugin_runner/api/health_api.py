# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""What orchestrators and load balancers ask: does the process live, can it work?

Probes follow no redirects, know no tokens and use addresses as hosts: these routes answer
with and without a slash at the end, outside of every prefix, whatever the host.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from flask import Blueprint, Response, jsonify
from flask.views import MethodView
from marshmallow import validate
from marshmallow.fields import Dict, Float, Nested, String

from qhana_plugin_runner import health
from qhana_plugin_runner.api.util import MaBaseSchema, SecurityBlueprint

HEALTH_API = SecurityBlueprint(
    "health-api",
    __name__,
    description="Whether this server lives and can do its work.",
    url_prefix="/health",
)

# Where a prefix does not matter, and other usual names of the two. Not documented.
ALIASES = Blueprint("health-aliases", __name__)


class LiveSchema(MaBaseSchema):
    """The answer of a process that lives."""

    status = String(required=True, dump_default="ok")


class CheckSchema(MaBaseSchema):
    """The result of one check."""

    status = String(required=True, validate=validate.OneOf(["ok", "warning", "failing"]))
    message = String(required=True)
    seconds = Float(required=True)


class HealthSchema(MaBaseSchema):
    """The results of all checks."""

    status = String(required=True, validate=validate.OneOf(["ok", "degraded", "failing"]))
    checks = Dict(String(), Nested(CheckSchema()), required=True)


@HEALTH_API.route("/live/", strict_slashes=False)
class LiveView(MethodView):
    """Whether the process answers at all."""

    @HEALTH_API.response(HTTPStatus.OK, LiveSchema())
    def get(self) -> Any:
        """Say that the process lives; nothing else is looked at."""
        return _not_stored(jsonify(status="ok"))


@HEALTH_API.route("/ready/", strict_slashes=False)
class ReadyView(MethodView):
    """Whether requests may be sent here."""

    @HEALTH_API.response(HTTPStatus.OK, HealthSchema())
    @HEALTH_API.alt_response(HTTPStatus.SERVICE_UNAVAILABLE, schema=HealthSchema())
    def get(self) -> Any:
        """Check database, migrations, broker, file store, workers and plugins.

        Missing workers and failed plugins are warnings: the answer is 200 all the same.
        """
        report = health.readiness()
        response = jsonify(HealthSchema().dump(report))
        if not report.is_ready:
            response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
        return _not_stored(response)


for _view, _paths in {
    LiveView: ("/health/live/", "/healthz/"),
    ReadyView: ("/health/ready/", "/readyz/"),
}.items():
    for _path in _paths:
        ALIASES.add_url_rule(
            _path,
            view_func=_view.as_view(_path.strip("/").replace("/", "-")),
            strict_slashes=False,
        )


def _not_stored(response: Response) -> Response:
    response.cache_control.no_store = True
    return response
