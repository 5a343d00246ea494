# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Counts what clients do, for rates; only imported if a rate is set."""

from __future__ import annotations

import logging
import math
import time

from limits import RateLimitItem, parse_many
from limits.errors import StorageError
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import SlidingWindowCounterRateLimiter

_LOGGER = logging.getLogger("qhana_plugin_runner.api")
_REDIS_SECONDS = 1.0


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
