# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Redis as a broker, whose channels keep the client that all their messages use.

kombu makes a new client for every message that it sends, takes or acknowledges, which
costs more CPU time than the message.
"""

from __future__ import annotations

from typing import Any

from kombu.transport import redis


class _KeepsClient:
    """Adds a kept client to a channel of kombu."""

    _kept_client: Any = None
    pool: Any

    def _create_client(self, asynchronous: bool = False) -> Any:
        if asynchronous:  # there is one for each channel already
            return super()._create_client(asynchronous)  # type: ignore[misc]
        kept = self._kept_client
        # After a failure kombu makes a new pool of connections.
        if kept is None or kept.connection_pool is not self.pool:
            kept = self._kept_client = super()._create_client()  # type: ignore[misc]
        return kept


class Channel(_KeepsClient, redis.Channel):
    """A channel to one Redis."""


class SentinelChannel(_KeepsClient, redis.SentinelChannel):
    """A channel to the master that Sentinel knows."""


class Transport(redis.Transport):
    """The transport of ``redis://`` and ``rediss://``."""

    Channel = Channel


class SentinelTransport(redis.SentinelTransport):
    """The transport of ``sentinel://``."""

    Channel = SentinelChannel
