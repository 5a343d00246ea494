# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""A real HTTP server on loopback that serves exactly the bytes a test gives it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, ClassVar


@dataclass
class Answer:
    """What the server answers to one path.

    Attributes:
        body: the bytes, or a function that gives pieces of them (sent without a length).
        headers: further response headers.
        status: the status code.
    """

    body: bytes | Callable[[], Iterable[bytes]] = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int = 200


class ByteServer(AbstractContextManager["ByteServer"]):
    """Serves :class:`Answer` objects by path; notes the paths that were asked for."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.requests: list[tuple[str, dict[str, str]]] = []
        handler = type("Handler", (_Handler,), {"owner": self})
        self._server = _QuietServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )

    def serve(
        self,
        path: str,
        body: bytes | Callable[[], Iterable[bytes]] = b"",
        status: int = 200,
        **headers: str,
    ) -> str:
        """Set the answer to a path (``_`` in header names is ``-``) and get its URL."""
        named = {key.replace("_", "-"): value for key, value in headers.items()}
        self.answers[path] = Answer(body, named, status)
        return self.url + path

    def __enter__(self) -> ByteServer:
        self._thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _QuietServer(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing about clients that hang up."""


class _Handler(BaseHTTPRequestHandler):
    owner: ClassVar[ByteServer]
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self.owner.requests.append((self.path, dict(self.headers)))
        answer = self.owner.answers.get(self.path.partition("?")[0])
        if answer is None:
            answer = Answer(b"not here", status=404)
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if isinstance(answer.body, bytes):
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)
            return
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        try:
            for piece in answer.body():
                self.wfile.write(piece)
                self.wfile.flush()
        except (BrokenPipeError, ConnectionResetError):
            return  # the client has seen enough
