# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""How often one client may start work: the setting ``SUBMISSION_RATE``.

Counted are POST requests that start or watch tasks: all of plugins but those of pages
(which answer GET as well and only check a form), and subscriptions of tasks. With a Redis
broker all server processes count together, else each for itself.
"""

from __future__ import annotations

import logging
import math
import time
from ipaddress import IPv6Network, ip_address

from flask import Flask, current_app, request
from limits import RateLimitItem, parse_many
from limits.errors import StorageError
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from webargs.flaskparser import abort

from qhana_plugin_runner.babel import gettext
from qhana_plugin_runner.util.current import this_request

_LOGGER = logging.getLogger("qhana_plugin_runner.api")
_EXTENSION = "qhana-submission-rate"
_REDIS_SECONDS = 1.0
_NETWORK_BITS = 64


class SubmissionRate:
    """The rates of an app and who has used how much of them.

    Args:
        rates: for instance ``600/minute`` or ``10/second;1000/hour``.
        broker: URL of the message broker.
    """

    def __init__(self, rates: str, broker: str) -> None:
        self.rates: list[RateLimitItem] = parse_many(rates)
        storage: MemoryStorage | RedisStorage = MemoryStorage()
        if broker.startswith(("redis://", "rediss://")):
            storage = RedisStorage(
                broker,
                wrap_exceptions=True,
                key_prefix="qhana-submission-rate",
                socket_timeout=_REDIS_SECONDS,
                socket_connect_timeout=_REDIS_SECONDS,
            )
        self._limiter = SlidingWindowCounterRateLimiter(storage)

    def seconds_to_wait(self, client: str) -> int:
        """Count a submission of a client.

        Args:
            client: name of the client.

        Returns:
            0 if it is allowed, else after how many seconds another may be.
        """
        try:
            for rate in self.rates:
                if not self._limiter.hit(rate, client):
                    reset = self._limiter.get_window_stats(rate, client).reset_time
                    return max(1, math.ceil(reset - time.time()))
        except StorageError as error:
            # Work that cannot be counted is better than no work.
            _LOGGER.warning("The rate of submissions is not limited: %r", error)
        return 0


def init_app(app: Flask) -> None:
    """Limit the rate of submissions if a rate is set."""
    rates = app.config.get("SUBMISSION_RATE")
    if rates:
        broker = (app.config.get("CELERY") or {}).get("broker_url") or ""
        app.extensions[_EXTENSION] = SubmissionRate(rates, broker)
        app.before_request(_refuse_too_many)


def _refuse_too_many() -> None:
    if not _starts_work():
        return
    limit: SubmissionRate = current_app.extensions[_EXTENSION]
    seconds = limit.seconds_to_wait(_client())
    if seconds:
        abort(
            429,
            message=gettext(
                "Too many requests. Try again in %(seconds)s seconds.", seconds=seconds
            ),
            headers={"Retry-After": str(seconds)},
        )


def _starts_work() -> bool:
    request = this_request()
    rule = request.url_rule
    if request.method != "POST" or rule is None:
        return False
    if rule.endpoint == "tasks-api.TaskView":
        return True
    return "/plugins/" in rule.rule and "GET" not in (rule.methods or ())


def _client() -> str:
    """Return the address of the client; one of IPv6 stands for its whole network."""
    try:
        address = ip_address((request.remote_addr or "").partition("%")[0])
    except ValueError:
        return "unknown"
    if address.version == 4:
        return str(address)
    mapped = address.ipv4_mapped
    return str(mapped or IPv6Network((int(address), _NETWORK_BITS), strict=False))
