# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Channels to Redis keep their client, as long as its connections are theirs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from kombu import Connection

import qhana_plugin_runner.celery_settings  # noqa: F401  # declares the transports
from qhana_plugin_runner.redis_broker import SentinelTransport, Transport
from services import REDIS, require


@pytest.fixture
def channel() -> Iterator[Any]:
    require("redis", REDIS)
    with Connection(REDIS) as connection:
        yield connection.default_channel


def test_messages_use_the_same_client(channel: Any) -> None:
    with channel.conn_or_acquire() as first, channel.conn_or_acquire() as second:
        assert first is second
        assert first.ping()


def test_the_client_that_waits_for_messages_is_another_one(channel: Any) -> None:
    with channel.conn_or_acquire() as client:
        assert client is not channel.client


def test_new_connections_get_a_new_client(channel: Any) -> None:
    with channel.conn_or_acquire() as before:
        pass
    channel._disconnect_pools()  # what kombu does after a failure
    with channel.conn_or_acquire() as after:
        assert after is not before
        assert after.ping()


def test_a_client_that_is_given_is_used(channel: Any) -> None:
    given = object()
    with channel.conn_or_acquire(given) as client:
        assert client is given


@pytest.mark.parametrize(
    ("url", "transport"),
    [
        ("redis://localhost", Transport),
        ("rediss://localhost", Transport),
        ("sentinel://localhost", SentinelTransport),
    ],
)
def test_every_kind_of_redis_has_such_channels(url: str, transport: type) -> None:
    assert Connection(url).get_transport_cls() is transport


def test_the_url_of_a_connection_stays_as_it_is() -> None:
    assert Connection("redis://:secret@localhost:1/2").as_uri() == (
        "redis://:**@localhost:1/2"
    )
