# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The broker that needs no server: nothing is lost, nothing is delivered twice."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kombu import Connection, Exchange, Queue

from qhana_plugin_runner import celery_settings, embedded_broker

assert celery_settings.embedded_broker is embedded_broker  # registers the transport

QUEUE = Queue("work", Exchange("", type="direct"), routing_key="work")


@contextmanager
def connect(folder: Path) -> Iterator[Connection]:
    options = {"folder": str(folder), "polling_interval": 0.005}
    with Connection("embedded://localhost//", transport_options=options) as connection:
        yield connection


def put(connection: Connection, *bodies: Any, queue: str = "work") -> None:
    producer = connection.Producer()
    for body in bodies:
        producer.publish(body, routing_key=queue, declare=[Queue(queue)])


def take(connection: Connection, count: int, ack: bool = True) -> list[Any]:
    """Consume messages; fails if fewer come within a few seconds."""
    found: list[Any] = []

    def receive(body: Any, message: Any) -> None:
        found.append(body)
        if ack:
            message.ack()

    with connection.Consumer([QUEUE], callbacks=[receive]) as consumer:
        consumer.qos(prefetch_count=count)
        deadline = time.monotonic() + 10
        while len(found) < count and time.monotonic() < deadline:
            try:
                connection.drain_events(timeout=0.2)
            except TimeoutError:
                continue
    assert len(found) == count
    return found


def size(connection: Connection) -> int:
    return connection.default_channel.queue_declare("work", passive=True).message_count


def test_a_slot_that_gets_free_is_filled_before_the_next_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    busy: set[str] = {"running"}
    monkeypatch.setattr(embedded_broker, "reserved_requests", busy)
    options = {"folder": str(tmp_path), "polling_interval": 60, "slots": 1}
    found: list[Any] = []
    with Connection("embedded://localhost//", transport_options=options) as connection:
        put(connection, "next")
        with connection.Consumer([QUEUE], callbacks=[lambda body, _: found.append(body)]):
            threading.Timer(0.2, busy.clear).start()
            start = time.monotonic()
            connection.drain_events(timeout=60)
    assert found == ["next"]
    assert 0.1 < time.monotonic() - start < 30


def test_messages_arrive_in_the_order_in_which_they_were_sent(tmp_path: Path) -> None:
    with connect(tmp_path) as connection:
        put(connection, *range(20))
        assert take(connection, 20) == list(range(20))
        assert size(connection) == 0


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    body=st.recursive(
        st.none() | st.booleans() | st.text() | st.integers(-(2**53), 2**53),
        lambda inner: st.lists(inner, max_size=3)
        | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=6,
    )
)
def test_any_json_body_arrives_as_it_was_sent(tmp_path: Path, body: Any) -> None:
    with connect(tmp_path) as connection:
        put(connection, [body])
        assert take(connection, 1) == [[body]]


def test_what_is_not_acknowledged_goes_back_when_the_consumer_closes(
    tmp_path: Path,
) -> None:
    with connect(tmp_path) as connection:
        put(connection, "a", "b")
        assert take(connection, 1, ack=False) == ["a"]
    with connect(tmp_path) as connection:
        assert take(connection, 2) == ["a", "b"]


def _take_and_hang(folder: str, taken: Any) -> None:
    with connect(Path(folder)) as connection:
        take(connection, 2, ack=False)
        taken.set()
        time.sleep(60)


def test_what_a_killed_consumer_had_taken_goes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded_broker, "_SWEEP_INTERVAL", 0.1)
    with connect(tmp_path) as connection:
        put(connection, "a", "b", "c")
        context = multiprocessing.get_context("spawn")
        taken = context.Event()
        process = context.Process(target=_take_and_hang, args=(str(tmp_path), taken))
        process.start()
        assert taken.wait(30)
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        assert sorted(take(connection, 3)) == ["a", "b", "c"]
    assert list((tmp_path / "claimed").glob("*/*")) == []


def test_a_living_consumer_keeps_what_it_has_taken(tmp_path: Path) -> None:
    with connect(tmp_path) as first, connect(tmp_path) as second:
        put(first, "a", "b")
        assert take(first, 1, ack=False) == ["a"]
        assert take(second, 1) == ["b"]
        assert size(second) <= 1


def test_many_consumers_get_each_message_once(tmp_path: Path) -> None:
    found: list[int] = []
    with connect(tmp_path) as connection:
        put(connection, *range(60))

    def consume() -> None:
        with connect(tmp_path) as own:
            found.extend(take(own, 15))

    threads = [threading.Thread(target=consume) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == list(range(60))


def test_a_reader_never_sees_half_a_message(tmp_path: Path) -> None:
    big = "x" * 2_000_000
    with connect(tmp_path) as writer, connect(tmp_path) as reader:
        thread = threading.Thread(target=lambda: put(writer, *[big] * 10))
        thread.start()
        assert take(reader, 10) == [big] * 10
        thread.join()


def test_a_broadcast_reaches_every_bound_queue(tmp_path: Path) -> None:
    exchange = Exchange("news", type="fanout")
    names = ["one", "two"]
    with connect(tmp_path) as listener, connect(tmp_path) as speaker:
        for name in names:
            Queue(name, exchange)(listener.default_channel).declare()
        speaker.Producer().publish("hello", exchange=exchange, declare=[exchange])
        channel = listener.default_channel
        messages = [channel.basic_get(name, no_ack=True) for name in names]
        assert [message is not None for message in messages] == [True, True]


def test_purging_and_deleting_empties_a_queue(tmp_path: Path) -> None:
    with connect(tmp_path) as connection:
        put(connection, 1, 2, 3)
        assert connection.default_channel.queue_purge("work") == 3
        connection.default_channel.queue_delete("work")
        assert not (tmp_path / "queues" / "_work").exists()


def test_names_of_queues_cannot_leave_the_folder(tmp_path: Path) -> None:
    with connect(tmp_path / "broker") as connection:
        put(connection, "x", queue="../../outside")
    assert [path.name for path in tmp_path.iterdir()] == ["broker"]
