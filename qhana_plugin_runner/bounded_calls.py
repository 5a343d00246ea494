# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Calling functions at the same time, and waiting for each only so long.

A thread cannot be ended from outside. So a function that hangs is not called a second
time while it does, and its thread does not keep the process from ending.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass
from typing import Any

from flask import Flask

from .db import DB


@dataclass(frozen=True)
class Outcome:
    """What became of a call.

    Attributes:
        value: what the function returned, ``None`` if it did not.
        error: what it raised; a ``TimeoutError`` if it has not ended in time.
        seconds: how long it has taken, or has been waited for.
    """

    value: Any = None
    error: BaseException | None = None
    seconds: float = 0.0


class BoundedCalls:
    """Calls functions in threads of their own, each within a context of the app."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._start_over()

    def _start_over(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._running: dict[str, Future[Outcome]] = {}

    def run(
        self, functions: Mapping[str, Callable[[], Any]], seconds: float
    ) -> dict[str, Outcome]:
        """Call all functions and wait for them.

        A database in the memory of this process has one connection for all threads: there
        the functions are called one after the other, by the caller.

        Args:
            functions: the functions by name; a name stands for the same function always.
            seconds: how long to wait altogether.
        """
        if os.getpid() != self._pid:
            self._start_over()  # threads do not survive a fork
        if self._has_one_connection():
            return {name: self._call(function) for name, function in functions.items()}
        start = time.monotonic()
        futures = {name: self._start(name, call) for name, call in functions.items()}
        outcomes = {}
        for name, future in futures.items():
            remaining = max(0.0, start + seconds - time.monotonic())
            try:
                outcomes[name] = future.result(timeout=remaining)
            except FutureTimeoutError:
                waited = time.monotonic() - start
                error = TimeoutError(f"no answer within {seconds:g} seconds")
                outcomes[name] = Outcome(error=error, seconds=waited)
        return outcomes

    def _has_one_connection(self) -> bool:
        with self._app.app_context():
            url = DB.engine.url
        is_sqlite = url.get_backend_name() == "sqlite"
        return is_sqlite and url.database in (None, "", ":memory:")

    def _start(self, name: str, function: Callable[[], Any]) -> Future[Outcome]:
        with self._lock:
            future = self._running.get(name)
            if future is not None and not future.done():
                return future
            future = self._running[name] = Future()
        work = threading.Thread(
            target=self._fulfil,
            args=(future, function),
            name=f"check-{name}",
            daemon=True,
        )
        work.start()
        return future

    def _fulfil(self, future: Future[Outcome], function: Callable[[], Any]) -> None:
        future.set_result(self._call(function))

    def _call(self, function: Callable[[], Any]) -> Outcome:
        start = time.monotonic()
        value, error = None, None
        try:
            with self._app.app_context():
                value = function()
        except Exception as err:
            error = err
        return Outcome(value, error, time.monotonic() - start)
