# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""How often one client may start work: the setting ``SUBMISSION_RATE``.

Counted are POST requests that start or watch tasks: all of plugins but those of pages
(which answer GET as well and only check a form), and subscriptions of tasks. With a Redis
broker all server processes count together, else each for itself.
"""

from __future__ import annotations

from ipaddress import IPv6Network, ip_address

from flask import Flask, Request
from webargs.flaskparser import abort

from qhana_plugin_runner.babel import gettext
from qhana_plugin_runner.util.request_hooks import request_hooks

_EXTENSION = "qhana-submission-rate"
_NETWORK_BITS = 64


def init_app(app: Flask) -> None:
    """Limit the rate of submissions if a rate is set."""
    rates = app.config.get("SUBMISSION_RATE")
    if rates:
        from .rate_counter import SubmissionRate  # a megabyte of packages

        broker = (app.config.get("CELERY") or {}).get("broker_url") or ""
        app.extensions[_EXTENSION] = SubmissionRate(rates, broker)
        request_hooks(app).before(_refuse_too_many)


def _refuse_too_many(app: Flask, request: Request) -> None:
    if not _starts_work(request):
        return
    seconds = app.extensions[_EXTENSION].seconds_to_wait(_client(request))
    if seconds:
        abort(
            429,
            message=gettext(
                "Too many requests. Try again in %(seconds)s seconds.", seconds=seconds
            ),
            headers={"Retry-After": str(seconds)},
        )


def _starts_work(request: Request) -> bool:
    rule = request.url_rule
    if request.method != "POST" or rule is None:
        return False
    if rule.endpoint == "tasks-api.TaskView":
        return True
    return "/plugins/" in rule.rule and "GET" not in (rule.methods or ())


def _client(request: Request) -> str:
    """Return the address of the client; one of IPv6 stands for its whole network."""
    try:
        address = ip_address((request.remote_addr or "").partition("%")[0])
    except ValueError:
        return "unknown"
    if address.version == 4:
        return str(address)
    mapped = address.ipv4_mapped
    return str(mapped or IPv6Network((int(address), _NETWORK_BITS), strict=False))
