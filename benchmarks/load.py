# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""A client that costs little: one thread, one event loop, requests built once.

The machine of a benchmark is shared by client and server, so what the client uses is
taken from the server, and blurs the difference between the runner and its limit.
"""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

_END_OF_HEADERS = b"\r\n\r\n"
_LENGTH = b"\r\ncontent-length:"


def get_request(url: str) -> bytes:
    """Return the bytes of a GET request on a connection that stays open."""
    parts = urlsplit(url)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    return f"GET {target} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode()


def post_request(url: str, form: str) -> bytes:
    """Return the bytes of a POST request with a urlencoded form."""
    parts, body = urlsplit(url), form.encode()
    head = (
        f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


@dataclass
class Answer:
    """The answer to one request.

    Attributes:
        status: HTTP status.
        headers: the raw header lines.
        body: the raw body.
    """

    status: int
    headers: bytes
    body: bytes

    def header(self, name: str) -> str:
        """Return the value of a header, empty without one."""
        for line in self.headers.split(b"\r\n"):
            key, _, value = line.partition(b":")
            if key.decode().lower() == name.lower():
                return value.strip().decode()
        return ""


@dataclass
class _Connection:
    sock: socket.socket
    received: bytearray = field(default_factory=bytearray)
    length: int | None = None
    started: float = 0.0

    def feed(self, data: bytes) -> bool:
        """Take bytes; return whether the answer is complete."""
        self.received += data
        if self.length is None:
            end = self.received.find(_END_OF_HEADERS)
            if end < 0:
                return False
            self.length = end + 4 + _content_length(bytes(self.received[:end]))
        return len(self.received) >= self.length

    def take(self) -> Answer:
        """Return the complete answer and make room for the next one."""
        head, _, body = bytes(self.received).partition(_END_OF_HEADERS)
        self.received, self.length = bytearray(), None
        return Answer(int(head[9:12]), head, body)


def _content_length(head: bytes) -> int:
    start = head.lower().find(_LENGTH)
    if start < 0:
        return 0  # redirects and the like; the servers measured here always name it
    start += len(_LENGTH)
    return int(head[start:].split(b"\r\n", 1)[0])


def connect(url: str) -> socket.socket:
    """Return a connection to the host of a URL."""
    parts = urlsplit(url)
    sock = socket.create_connection((parts.hostname, parts.port or 80), timeout=30)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def fetch(sock: socket.socket, request: bytes) -> Answer:
    """Send one request on an open connection and wait for its answer."""
    connection = _Connection(sock)
    sock.sendall(request)
    while True:
        data = sock.recv(1 << 18)
        if not data:
            raise ConnectionError("The server closed the connection.")
        if connection.feed(data):
            return connection.take()


@dataclass
class Load:
    """What a load found.

    Attributes:
        seconds: how long it took.
        times: seconds of each answer.
        answers: the answers, if they were asked for.
    """

    seconds: float
    times: list[float]
    answers: list[Answer]

    @property
    def rate(self) -> float:
        """Answers per second."""
        return len(self.times) / self.seconds


@dataclass
class _Schedule:
    """Which request is sent next, and until when."""

    requests: Sequence[bytes]
    deadline: float | None
    sent: int = 0

    def send_next(self, connection: _Connection) -> bool:
        """Send a request; return whether there was one to send."""
        now = time.perf_counter()
        if self.deadline is None:
            is_over = self.sent >= len(self.requests)
        else:
            is_over = now > self.deadline
        if is_over:
            return False
        connection.started = now
        connection.sock.sendall(self.requests[self.sent % len(self.requests)])
        self.sent += 1
        return True


def run_load(
    url: str,
    requests: Sequence[bytes],
    connections: int | Sequence[socket.socket],
    *,
    seconds: float = 0,
    status: int = 200,
    keep: bool = False,
) -> Load:
    """Send requests on several connections at once and count the answers.

    Args:
        url: names the host.
        requests: are sent in turn; each once without ``seconds``, else again and again.
        connections: how many requests are on their way at a time, each on a connection
            that is opened for it; or open ones, which stay open.
        seconds: how long to go on.
        status: the status that every answer must have.
        keep: keep the answers.

    Raises:
        ConnectionError: if the server closes a connection.
        ValueError: if an answer has another status.
    """
    load = Load(0, [], [])
    with selectors.DefaultSelector() as selector:
        start = time.perf_counter()
        schedule = _Schedule(requests, start + seconds if seconds else None)
        opened = (
            [connect(url) for _ in range(connections)]
            if isinstance(connections, int)
            else []
        )
        sockets = connections if not isinstance(connections, int) else opened
        all_of_them = [_Connection(sock) for sock in sockets]
        for connection in all_of_them:
            if schedule.send_next(connection):
                selector.register(connection.sock, selectors.EVENT_READ, connection)
        while selector.get_map():
            for key, _ in selector.select(30):
                answer = _receive(key.data)
                if answer is None:
                    continue
                _note(load, answer, key.data, status, keep)
                if not schedule.send_next(key.data):
                    selector.unregister(key.fileobj)
        load.seconds = time.perf_counter() - start
        for sock in opened:
            sock.close()
    return load


def _receive(connection: _Connection) -> Answer | None:
    data = connection.sock.recv(1 << 18)
    if not data:
        raise ConnectionError("The server closed the connection.")
    return connection.take() if connection.feed(data) else None


def _note(
    load: Load, answer: Answer, connection: _Connection, status: int, keep: bool
) -> None:
    load.times.append(time.perf_counter() - connection.started)
    if answer.status != status:
        raise ValueError(f"{answer.status}: {answer.body[:300]!r}")
    if keep:
        load.answers.append(answer)
