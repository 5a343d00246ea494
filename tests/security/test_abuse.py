# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Requests that are too large, too deep or broken, sent to a real server byte by byte.

Each is answered quickly with a 4xx in the documented shape, and the memory of the server
processes does not grow with what is sent.
"""

from __future__ import annotations

import json
import select
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from runner_process import Runner, runner

MIB = 1 << 20
PROCESS = "/plugins/laboratory@v1-0-0/process/"
UPLOAD = "/plugins/file-upload@v1-0-0/process/"
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=b"
JSON = "application/json"
PLUGINS = Path(__file__).parents[2] / "plugins"
#: How much the processes of the server may grow over all requests of this module.
MAX_GROWTH = 120 * MIB


@dataclass
class Answer:
    """An answer as it came from the socket."""

    status: int
    head: str
    body: bytes
    seconds: float

    def error(self) -> dict[str, Any]:
        """Return the body, which must be an error in the documented shape."""
        document = json.loads(self.body)
        assert document["code"] == self.status
        assert document["status"]
        assert document.keys() <= {"code", "status", "message", "errors"}
        return document


def send(port: int, head: bytes, body: Iterator[bytes] | bytes = b"") -> Answer:
    """Send a request until the server answers; read its answer to the end."""
    started = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        pieces = iter([body]) if isinstance(body, bytes) else body
        with suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(head)
            for piece in pieces:
                if select.select([connection], [], [], 0)[0]:
                    break  # the server has seen enough
                connection.sendall(piece)
        received = b""
        with suppress(ConnectionResetError):
            while piece := connection.recv(1 << 16):
                received += piece
                if _is_complete(received):
                    break
    head_text, _, rest = received.partition(b"\r\n\r\n")
    assert head_text, "the server hung up without an answer"
    status = int(head_text.split(b" ", 2)[1])
    return Answer(status, head_text.decode("latin-1"), rest, time.monotonic() - started)


def _is_complete(received: bytes) -> bool:
    head, separator, body = received.partition(b"\r\n\r\n")
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return bool(separator) and len(body) >= int(line.partition(b":")[2])
    return False


def request(
    path: str,
    content_type: str | None = None,
    length: int | None = 0,
    method: str = "POST",
    more: str = "",
) -> bytes:
    """Return the head of a request; without a length the body is sent in chunks."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", "Connection: close"]
    if content_type:
        lines.append(f"Content-Type: {content_type}")
    lines.append(
        "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    )
    return ("\r\n".join(lines) + f"\r\n{more}\r\n").encode("latin-1")


def zeros(start: bytes, size: int) -> Iterator[bytes]:
    """Yield a long body that begins in a certain way."""
    yield start
    piece = b"x" * MIB
    for _ in range(size // MIB):
        yield piece


def chunked(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the pieces as chunks of a body without a length."""
    for piece in pieces:
        yield f"{len(piece):x}\r\n".encode() + piece + b"\r\n"
    yield b"0\r\n\r\n"


def part(name: str, more: str = "") -> bytes:
    """Return the head of a part of a multipart body."""
    return f'--b\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'.encode()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    """A server as in production: two processes with threads, no worker."""
    folders = f"{PLUGINS}:{Path(__file__).parents[1] / 'lab_plugins'}"
    folder = tmp_path_factory.mktemp("abuse")
    settings = {"FLASK_DEBUG": "0", "TASK_IDS": "plain", "PLUGIN_FOLDERS": folders}
    with runner(folder, MAX_CONTENT_LENGTH=str(200 * MIB), **settings) as process:
        process.start_server(workers=2)
        for _ in range(30):
            process.http.get(f"{process.url}plugins/", timeout=10)
        yield process


def memory(server: Runner) -> int:
    """Return the memory of all processes of the server in bytes."""
    main = psutil.Process(server.processes["server"].pid)
    return sum(one.memory_info().rss for one in [main, *main.children(recursive=True)])


@pytest.fixture(scope="module", autouse=True)
def _memory_is_bounded(server: Runner) -> Iterator[None]:
    before = memory(server)
    yield
    assert memory(server) - before < MAX_GROWTH


def many_fields(count: int) -> bytes:
    """Return an urlencoded form with that many fields."""
    return b"&".join(b"f%d=1" % number for number in range(count))


def many_parts(count: int) -> bytes:
    """Return a multipart form with that many fields."""
    return b"".join(part(f"f{n}") + b"1\r\n" for n in range(count)) + b"--b--\r\n"


DEEP = b"[" * 100_000
BODIES: dict[str, tuple[str, str, bytes, set[int]]] = {
    "100000-fields": (PROCESS, FORM, many_fields(100_000), {413}),
    "500000-fields": (PROCESS, FORM, many_fields(500_000), {413}),
    "10000-parts": (PROCESS, MULTIPART, many_parts(10_000), {413}),
    "one-field-often": (PROCESS, FORM, b"operations=1&" * 5000, {413}),
    "deep-json": ("/tasks/1/", JSON, DEEP, {400}),
    "deep-json-closed": ("/tasks/1/", JSON, DEEP + b"]" * 100_000, {400}),
    "deep-json-objects": ("/tasks/1/", JSON, b'{"a":' * 100_000, {400}),
    "huge-number": ("/tasks/1/", JSON, b'{"event": ' + b"9" * 100_000 + b"}", {400, 422}),
    "huge-exponent": ("/tasks/1/", JSON, b'{"event": 1e999999}', {400, 422}),
    "not-a-number": ("/tasks/1/", JSON, b'{"command": NaN}', {400, 422}),
    "json-of-one-text": ("/tasks/1/", JSON, b'"text"', {400, 422}),
    "json-array": ("/tasks/1/", JSON, b"[]", {422}),
    "json-null": ("/tasks/1/", JSON, b"null", {400, 422}),
    "json-cut-off": ("/tasks/1/", JSON, b'{"command": "subs', {400}),
    "json-not-utf-8": ("/tasks/1/", JSON, b'{"command": "\xff\xfe"}', {400, 422}),
    "json-utf-16": ("/tasks/1/", JSON, '{"command": "x"}'.encode("utf-16"), {400, 422}),
    "json-null-character": (
        "/tasks/1/",
        JSON,
        b'{"command":"subscribe","webhookHref":"http://a/","event":"a\\u0000"}',
        {404, 422},
    ),
    "json-lone-surrogate": (
        "/tasks/1/",
        JSON,
        b'{"command":"subscribe","webhookHref":"http://a/","event":"\\ud800"}',
        {404, 422},
    ),
    "json-twice-the-key": ("/tasks/1/", JSON, b'{"command":1,"command":2}', {422}),
    "form-null-character": (PROCESS, FORM, b"operations=%00", {422}),
    "form-lone-surrogate": (PROCESS, MULTIPART, b"\xed\xa0\x80", {400, 422}),
    "form-raw-bytes": (PROCESS, FORM, b"operations=\xff\xfe", {400, 422}),
    "form-as-json": (PROCESS, JSON, b'{"operations": "[]"}', {415}),
    "form-as-text": (PROCESS, "text/plain", b"operations=[]", {415}),
    "form-as-xml": (PROCESS, "application/xml", b"<!DOCTYPE a [<!ENTITY b 'c'>]>", {415}),
    "json-as-form": ("/tasks/1/", FORM, b"command=subscribe", {415}),
    "unknown-charset": (PROCESS, f"{FORM}; charset=klingon", b"x=1", {415, 422}),
    "no-boundary": (PROCESS, "multipart/form-data", part("operations") + b"x", {400}),
    "other-boundary": (PROCESS, MULTIPART, b"--c\r\n\r\nx\r\n--c--", {400, 422}),
    "no-end": (PROCESS, MULTIPART, part("operations") + b"[]", {400, 422}),
    "no-name": (PROCESS, MULTIPART, b"--b\r\nX: y\r\n\r\nx\r\n--b--\r\n", {400, 422}),
    "long-part-head": (
        PROCESS,
        MULTIPART,
        part("n" * 300_000) + b"x\r\n--b--",
        {400, 413, 422},
    ),
    "many-part-heads": (
        PROCESS,
        MULTIPART,
        b"--b\r\n" + b"X-A: b\r\n" * 50_000 + b"\r\nx\r\n--b--",
        {400, 413, 422},
    ),
    "file-as-field": (UPLOAD, MULTIPART, part("file") + b"x\r\n--b--\r\n", {422}),
    "field-as-file": (
        PROCESS,
        MULTIPART,
        part("operations", '; filename="x"') + b"[]\r\n--b--\r\n",
        {422},
    ),
    "empty-form": (PROCESS, FORM, b"", {422}),
    "empty-json": ("/tasks/1/", JSON, b"", {422}),
}


@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize("has_length", [True, False])
def test_a_harmful_body_is_refused(server: Runner, name: str, has_length: bool) -> None:
    path, content_type, body, statuses = BODIES[name]
    if has_length:
        answer = send(server.port, request(path, content_type, len(body)), body)
    else:
        pieces = chunked(iter([body] if body else []))
        answer = send(server.port, request(path, content_type, None), pieces)
    # Task 1 does not exist; that may be found out first.
    assert answer.status in statuses | ({404} if path.startswith("/tasks") else set())
    answer.error()
    assert answer.seconds < 5


SIZES: dict[str, tuple[str, str, bytes, int]] = {
    "form-field": (PROCESS, FORM, b"operations=", 100),
    "json": ("/tasks/1/", JSON, b'{"command": "', 100),
    "multipart-field": (PROCESS, MULTIPART, part("operations"), 100),
    "upload": (UPLOAD, MULTIPART, part("file", '; filename="x"'), 400),
    "text": (PROCESS, "text/plain", b"x", 400),
}


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize("has_length", [True, False])
def test_a_huge_body_is_refused(server: Runner, name: str, has_length: bool) -> None:
    path, content_type, start, megabytes = SIZES[name]
    size = megabytes * MIB
    if has_length:
        head = request(path, content_type, len(start) + size)
        answer = send(server.port, head, zeros(start, size))
    else:
        head = request(path, content_type, None)
        answer = send(server.port, head, chunked(zeros(start, size)))
    assert answer.status in (413, 415)
    answer.error()
    assert answer.seconds < 15


NUMBERS = [
    "9223372036854775808",
    "2147483648",
    "18446744073709551616",
    "9" * 40,
    "9" * 400,
    "9" * 3000,
    "-1",
    "1.5",
    "1e3",
    "0x10",
    "%2B1",
    "1%00",
    "%00",
    "%D9%A1",
    "%EF%BC%91",
    "abc",
    "1;drop",
    "1%27%20or%201=1",
    "..%2f..%2fetc%2fpasswd",
    "%ff",
]


@pytest.mark.parametrize("number", NUMBERS, ids=lambda number: number[:25])
@pytest.mark.parametrize(
    "path",
    [
        "/tasks/{}/",
        "/tasks/{}/events/",
        "/files/{}/?file-id=x",
        "/plugins/hello-world-multi-step@v1-0-0/{}/demo-step-ui/",
    ],
)
def test_an_odd_number_in_a_path_names_nothing(
    server: Runner, path: str, number: str
) -> None:
    answer = send(server.port, request(path.format(number), method="GET"))
    assert answer.status == 404
    answer.error()


LINES: dict[str, tuple[bytes, set[int]]] = {
    "unknown-method": (request("/plugins/", method="BREW"), {405}),
    "long-method": (request("/plugins/", method="M" * 30), {400, 405}),
    "trace": (request("/plugins/", method="TRACE"), {405}),
    "connect": (request("/plugins/", method="CONNECT"), {400, 404, 405}),
    "delete-of-the-list": (request("/plugins/", method="DELETE"), {405}),
    "long-path": (request("/" + "a" * 10_000, method="GET"), {400, 404, 414}),
    "long-query": (request("/plugins/?" + "a" * 100_000, method="GET"), {400, 414}),
    "long-header": (
        request("/plugins/", method="GET", more="X-A: " + "b" * 20_000 + "\r\n"),
        {400, 431},
    ),
    "many-headers": (
        request("/plugins/", method="GET", more="X-A: b\r\n" * 500),
        {400, 431},
    ),
    "two-lengths": (
        request(PROCESS, FORM, 5, more="Content-Length: 6\r\n"),
        {400},
    ),
    "length-and-chunks": (
        request(PROCESS, FORM, 5, more="Transfer-Encoding: chunked\r\n"),
        {400},
    ),
    "negative-length": (request(PROCESS, FORM, -5), {400}),
    "length-is-text": (request(PROCESS, FORM).replace(b"h: 0", b"h: many"), {400}),
    "type-with-control": (request(PROCESS, "text/plain;\x0b a"), {400}),
    "broken-chunk": (request(PROCESS, FORM, None) + b"zz\r\nx\r\n", {400}),
    "host-with-blank": (
        request("/plugins/", method="GET").replace(b": localhost", b": a b<>"),
        {400},
    ),
    "chunk-without-end": (request(PROCESS, FORM, None) + b"1\r\nxyz\r\n", {400}),
    "two-hosts": (request("/plugins/", method="GET", more="Host: b\r\n"), {400}),
    "not-http": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", {400}),
    "old-http": (b"GET /plugins/\r\n\r\n", {400}),
}
#: Answered by the server before the application sees a request.
NO_DOCUMENT = {
    "long-query",
    "long-path",
    "long-header",
    "many-headers",
    "two-lengths",
} | {
    "length-and-chunks",
    "negative-length",
    "length-is-text",
    "type-with-control",
    "two-hosts",
    "not-http",
    "old-http",
    "long-method",
    "connect",
}


@pytest.mark.parametrize("name", LINES)
def test_a_harmful_head_is_refused(server: Runner, name: str) -> None:
    head, statuses = LINES[name]
    answer = send(server.port, head)
    assert answer.status in statuses
    assert "Traceback" not in answer.body.decode("latin-1")
    if name not in NO_DOCUMENT:
        answer.error()


def test_the_server_is_as_quick_as_before(server: Runner) -> None:
    started = time.monotonic()
    for _ in range(20):
        assert server.http.get(f"{server.url}plugins/", timeout=10).status_code == 200
    assert time.monotonic() - started < 5
