# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""A message broker and result backend that need no server: folders of files.

A message is a file. It is written under a temporary name and renamed into the folder of
its queue, so no reader sees half of it. A consumer claims a message by renaming it into
its own folder (only one rename succeeds) and deletes it when the message is acknowledged.
A consumer holds a lock on a file while it lives: what a dead one had claimed goes back to
the queue.

kombu's own file-system transport writes messages in place and moves them while they are
being written, so two processes can lose messages; that is why it is not used here.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from queue import Empty
from typing import Any
from urllib.parse import quote, unquote

from celery.backends.filesystem import FilesystemBackend
from celery.worker.state import reserved_requests
from kombu.transport import TRANSPORT_ALIASES, virtual

POLLING_INTERVAL = 0.02
"""Seconds between two looks into an empty queue; the pick-up latency is half of it."""

# Whether a slot has become free is a look into memory only.
_SLOT_INTERVAL = 0.001

_SWEEP_INTERVAL = 5.0
_OWN_CONSUMERS: set[str] = set()

TRANSPORT_ALIASES["embedded"] = "qhana_plugin_runner.embedded_broker:Transport"


def _folder_name(name: str) -> str:
    return "_" + quote(name, safe="")


class QoS(virtual.QoS):
    """Takes a message only for a free slot; deletes the file of an acknowledged one."""

    def can_consume(self) -> bool:
        """Return whether one more message may be taken."""
        if self.channel.has_only_commands:
            return True  # a busy worker must hear that a task is cancelled
        slots = self.channel.connection.client.transport_options.get("slots")
        if slots is not None and len(reserved_requests) >= slots:
            return False
        return super().can_consume()

    def ack(self, delivery_tag: str) -> None:
        """Acknowledge a message; it will not be delivered again."""
        self.channel.forget(delivery_tag)
        super().ack(delivery_tag)


class Channel(virtual.Channel):
    """Messages as files below the folder named in the transport options."""

    QoS = QoS
    supports_fanout = True

    def __init__(self, connection: Any, **kwargs: Any) -> None:
        super().__init__(connection, **kwargs)
        options = connection.client.transport_options
        self._root = Path(options["folder"])
        self._claimed: dict[str, tuple[Path, Path]] = {}
        self._no_ack_queues: set[str] = set()
        self._consumer: _Consumer | None = None
        self._next_sweep = 0.0
        for name in ("temporary", "queues", "claimed", "bindings"):
            (self._root / name).mkdir(parents=True, exist_ok=True)

    def _queue_folder(self, queue: str) -> Path:
        return self._root / "queues" / _folder_name(queue)

    def _new_queue(self, queue: str, **kwargs: Any) -> None:
        self._queue_folder(queue).mkdir(exist_ok=True)

    def _has_queue(self, queue: str, **kwargs: Any) -> bool:
        return self._queue_folder(queue).is_dir()

    def _put(self, queue: str, message: Any, **kwargs: Any) -> None:
        name = f"{time.time_ns():020d}-{secrets.token_hex(8)}"
        temporary = self._root / "temporary" / name
        temporary.write_bytes(json.dumps(message).encode())
        folder = self._queue_folder(queue)
        try:
            os.rename(temporary, folder / name)
        except FileNotFoundError:
            folder.mkdir(exist_ok=True)
            os.rename(temporary, folder / name)

    def _get(self, queue: str, timeout: float | None = None) -> Any:
        self._return_messages_of_dead_consumers()
        folder = self._queue_folder(queue)
        for name in _sorted_names(folder):
            claimed = self._claim(folder / name)
            if claimed is None:
                continue
            message = json.loads(claimed.read_bytes())
            if queue in self._no_ack_queues:
                claimed.unlink()
            else:
                tag = message["properties"]["delivery_tag"]
                self._claimed[tag] = (claimed, folder / name)
            return message
        raise Empty()

    def _claim(self, path: Path) -> Path | None:
        if self._consumer is None:
            self._consumer = _Consumer(self._root / "claimed")
        claimed = self._consumer.folder / f"{path.parent.name}@{path.name}"
        try:
            os.rename(path, claimed)
        except FileNotFoundError:
            return None  # another consumer was faster
        return claimed

    def _return_messages_of_dead_consumers(self) -> None:
        if time.monotonic() < self._next_sweep:
            return
        self._next_sweep = time.monotonic() + _SWEEP_INTERVAL
        for consumer in _dead_consumers(self._root / "claimed"):
            for name in _sorted_names(consumer):
                queue, _, message = name.partition("@")
                if message:
                    (self._root / "queues" / queue).mkdir(exist_ok=True)
                    os.rename(consumer / name, self._root / "queues" / queue / message)
            _remove_folder(consumer)

    def forget(self, delivery_tag: str) -> None:
        """Delete the file of a delivered message."""
        claimed, _queued = self._claimed.pop(delivery_tag, (None, None))
        if claimed is not None:
            claimed.unlink(missing_ok=True)

    def _restore(self, message: Any) -> None:
        claimed, queued = self._claimed.pop(message.delivery_tag, (None, None))
        if claimed is None or queued is None:
            super()._restore(message)
            return
        queued.parent.mkdir(exist_ok=True)
        os.rename(claimed, queued)

    def _size(self, queue: str) -> int:
        return len(_sorted_names(self._queue_folder(queue)))

    def _purge(self, queue: str) -> int:
        count = 0
        for name in _sorted_names(self._queue_folder(queue)):
            try:
                (self._queue_folder(queue) / name).unlink()
            except FileNotFoundError:
                continue  # delivered in the meantime
            count += 1
        return count

    def queue_delete(
        self, queue: str, if_unused: bool = False, if_empty: bool = False, **kwargs: Any
    ) -> None:
        """Delete a queue with its messages and bindings."""
        if if_empty and self._size(queue):
            return
        super().queue_delete(queue, if_unused=if_unused, if_empty=if_empty, **kwargs)
        # kombu only knows the bindings of this process.
        self._delete(queue)

    def _delete(self, queue: str, *args: Any, **kwargs: Any) -> None:
        self._purge(queue)
        for binding in (self._root / "bindings").glob(f"*/{_folder_name(queue)}@*"):
            binding.unlink(missing_ok=True)
        _remove_folder(self._queue_folder(queue))

    def _queue_bind(
        self, exchange: str, routing_key: str, pattern: str, queue: str
    ) -> None:
        folder = self._root / "bindings" / _folder_name(exchange)
        folder.mkdir(exist_ok=True)
        key = f"{quote(routing_key or '', safe='')}@{quote(pattern or '', safe='')}"
        (folder / f"{_folder_name(queue)}@{key}").touch()

    def get_table(self, exchange: str) -> list[tuple[str, str, str]]:
        """Return the bindings of an exchange: routing key, pattern, queue."""
        table = []
        for name in _sorted_names(self._root / "bindings" / _folder_name(exchange)):
            queue, routing_key, pattern = (unquote(part) for part in name.split("@"))
            table.append((routing_key, pattern, queue[1:]))
        return table

    def _put_fanout(
        self, exchange: str, message: Any, routing_key: str, **kwargs: Any
    ) -> None:
        for _key, _pattern, queue in self.get_table(exchange):
            self._put(queue, message)

    def basic_consume(
        self, queue: str, no_ack: bool, callback: Any, consumer_tag: str, **kwargs: Any
    ) -> Any:
        """Consume a queue; without acknowledgements messages are deleted when read."""
        if no_ack:
            self._no_ack_queues.add(queue)
        return super().basic_consume(queue, no_ack, callback, consumer_tag, **kwargs)

    @property
    def waits_for_slot(self) -> bool:
        """Whether a message would have to wait although there is a consumer."""
        return bool(self._consumers) and not self.qos.can_consume()

    @property
    def has_only_commands(self) -> bool:
        """Whether nothing that is consumed here has to be acknowledged."""
        return self._no_ack_queues.issuperset(self._active_queues)

    def close(self) -> None:
        """Give back what was not acknowledged and forget the consumer."""
        super().close()
        if self._consumer is not None:
            self._consumer.close()
            self._consumer = None


class _Consumer:
    """A folder of claimed messages with a lock that lives as long as its process.

    POSIX record locks are used because forked children do not inherit them.
    """

    def __init__(self, root: Path) -> None:
        self._name = f"{os.getpid()}-{secrets.token_hex(8)}"
        _OWN_CONSUMERS.add(self._name)
        self.folder = root / self._name
        self.folder.mkdir()
        self._lock = (root / f"{self._name}.lock").open("w")
        fcntl.lockf(self._lock, fcntl.LOCK_EX)

    def close(self) -> None:
        if not _sorted_names(self.folder):
            _remove_folder(self.folder)
        self._lock.close()
        _OWN_CONSUMERS.discard(self._name)


def _dead_consumers(root: Path) -> Iterator[Path]:
    """Yield the folders of consumers whose process is gone; they are ours meanwhile."""
    for lock_name in _sorted_names(root):
        name, _, kind = lock_name.partition(".")
        if kind != "lock" or name in _OWN_CONSUMERS:
            continue
        path = root / lock_name
        try:
            with path.open("r+") as lock:
                fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if (root / name).is_dir():
                    yield root / name
                path.unlink(missing_ok=True)
        except (FileNotFoundError, BlockingIOError, PermissionError):
            continue  # swept by another consumer, or alive


def _sorted_names(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except FileNotFoundError:
        return []


def _remove_folder(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:
        return  # gone already, or somebody put a message into it


class Transport(virtual.Transport):
    """The transport behind broker URLs that begin with ``embedded:``."""

    Channel = Channel
    polling_interval = POLLING_INTERVAL
    driver_type = "embedded"
    driver_name = "embedded"

    implements = virtual.Transport.implements.extend(
        exchange_type=frozenset(["direct", "topic", "fanout"])
    )

    def drain_events(
        self, connection: Any, timeout: float | None = None, **kwargs: Any
    ) -> None:
        """Wait for a message and deliver it.

        Args:
            connection: the connection of this transport.
            timeout: how long to wait (seconds), ``None`` for ever.

        Raises:
            TimeoutError: if there is no message in time.
        """
        cycle: Any = self.cycle
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            try:
                cycle.get(self._deliver, timeout=timeout)
                return
            except Empty:
                now = time.monotonic()
                if deadline is not None and now >= deadline:
                    raise TimeoutError("there is no message") from None
                pause = self.polling_interval
                self._pause(pause if timeout is None else min(pause, timeout))

    def _pause(self, seconds: float) -> None:
        """Wait until the next look, or until a channel may take a message again."""
        waiting = [channel.qos for channel in self.channels if channel.waits_for_slot]
        if not waiting:
            time.sleep(seconds)
            return
        end = time.monotonic() + seconds
        while time.monotonic() < end and not any(qos.can_consume() for qos in waiting):
            time.sleep(_SLOT_INTERVAL)

    def driver_version(self) -> str:
        """Return the version of the transport for reports."""
        return "1"


class EmbeddedBackend(FilesystemBackend):
    """Celery's file-system result backend with atomic writes and quick waiting."""

    def set(self, key: bytes, value: Any) -> None:
        """Store a result under its key."""
        path = self._filename(key)
        temporary = path + f".{os.getpid()}.{secrets.token_hex(4)}".encode()
        with open(temporary, "wb") as file:
            file.write(value if isinstance(value, bytes) else value.encode())
        os.replace(temporary, path)

    def delete(self, key: bytes) -> None:
        """Delete a result; a missing one is no error."""
        Path(os.fsdecode(self._filename(key))).unlink(missing_ok=True)

    def wait_for_pending(
        self, result: Any, timeout: float | None = None, interval: float = 0.5, **kw: Any
    ) -> Any:
        """Wait for a result; looks often, because a look is one failed open."""
        return super().wait_for_pending(
            result, timeout=timeout, interval=min(interval, POLLING_INTERVAL), **kw
        )
