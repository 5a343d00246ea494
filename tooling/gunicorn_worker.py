# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""gunicorn's thread worker, for clients that are slow or never finish.

Each request has a thread. A client that stops sending or reading for
GUNICORN_CLIENT_TIMEOUT seconds loses its connection, so that it gives its thread back.
"""

import os
import signal
from typing import Any

from gunicorn.workers.gthread import TConn, ThreadWorker
from werkzeug.exceptions import RequestTimeout

DEFAULT_CLIENT_TIMEOUT_SECONDS = 30.0


def client_timeout() -> float:
    """Return how many seconds a client may do nothing in the middle of a request."""
    text = os.environ.get("GUNICORN_CLIENT_TIMEOUT", "")
    return float(text) if text else DEFAULT_CLIENT_TIMEOUT_SECONDS


class PatientWorker(ThreadWorker):
    """A thread worker with a time-out for clients and a graceful end at Ctrl-C."""

    def init_signals(self) -> None:
        """Let SIGINT end the worker as SIGTERM does: running requests are finished."""
        super().init_signals()
        signal.signal(signal.SIGINT, self.handle_exit)

    def handle(self, conn: TConn) -> Any:
        """Serve the next request of a connection."""
        if not isinstance(conn.init, _TimedInit):
            conn.init = _TimedInit(conn, client_timeout())
        return super().handle(conn)

    def handle_request(self, req: Any, conn: TConn) -> Any:
        """Answer one request; a client that does not read loses its connection."""
        req.body = _Body(req.body)
        try:
            return super().handle_request(req, conn)
        except TimeoutError:
            self.log.info("A client has stopped reading, its connection is closed.")
            return False


class _TimedInit:
    """Prepares a connection; gunicorn has made its socket wait for ever before."""

    def __init__(self, conn: TConn, timeout: float) -> None:
        self._conn = conn
        self._init = conn.init
        self._timeout = timeout

    def __call__(self) -> None:
        self._init()
        self._conn.sock.settimeout(self._timeout)
        if not isinstance(self._conn.parser, _Parser):
            self._conn.parser = _Parser(self._conn.parser)


class _Parser:
    """Takes a client that does not finish its header for one that has gone."""

    def __init__(self, parser: Any) -> None:
        self._parser = parser

    def __next__(self) -> Any:
        try:
            return next(self._parser)
        except TimeoutError:
            raise StopIteration from None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._parser, name)


class _Body:
    """The body of a request; 408 if it does not come."""

    def __init__(self, body: Any) -> None:
        self._body = body

    def __iter__(self) -> "_Body":
        return self

    def __next__(self) -> bytes:
        line = self.readline()
        if not line:
            raise StopIteration
        return line

    def __getattr__(self, name: str) -> Any:
        return getattr(self._body, name)

    def read(self, *size: int) -> bytes:
        """Read from the body."""
        return self._wait(self._body.read, *size)

    def readline(self, *size: int) -> bytes:
        """Read a line of the body."""
        return self._wait(self._body.readline, *size)

    def readlines(self, *size: int) -> list[bytes]:
        """Read the lines of the body."""
        return self._wait(self._body.readlines, *size)

    @staticmethod
    def _wait(read: Any, *size: int) -> Any:
        try:
            return read(*size)
        except TimeoutError as error:
            raise RequestTimeout("The body of the request did not come.") from error
