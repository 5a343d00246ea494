# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""A time limit for calls into a client library that wait for an answer by themselves.

Such a call sends, waits and receives without the lock of the interpreter. Doing the same
in Python takes the lock again after each step, and in a server with many threads each of
that is a wait of its own. But nobody in the library looks at the time. One thread of the
process does: it shuts down the socket below a call that takes too long, which then fails
as if the server had closed the connection.
"""

from __future__ import annotations

import errno
import os
import socket
import threading
import time
from contextlib import suppress

#: How often the thread looks; a call may take so many seconds longer than its limit.
LOOK_SECONDS = 0.25


class AnswerWatch:
    """The calls of one process that wait for an answer."""

    def __init__(self) -> None:
        self._starting = threading.Lock()
        self._has_thread = False
        # Threads change it by single operations, which no other thread interrupts.
        self._calls: dict[WatchedCall, None] = {}

    def begin(self, below: WatchedSocket, seconds: float) -> WatchedCall:
        """Note a call that is about to wait.

        Args:
            below: the socket that it waits for.
            seconds: its limit.

        Returns:
            What :meth:`end` needs.
        """
        if not self._has_thread:
            self._start()
        call = WatchedCall(time.monotonic() + seconds, below)
        self._calls[call] = None
        return call

    def end(self, call: WatchedCall) -> bool:
        """Return whether the call ended in time; its socket is of no use if not."""
        self._calls.pop(call, None)
        return not call.is_late

    def _start(self) -> None:
        with self._starting:
            if not self._has_thread:
                name = "database-answers"
                threading.Thread(target=self._look, name=name, daemon=True).start()
                self._has_thread = True

    def _look(self) -> None:
        try:
            while True:
                time.sleep(LOOK_SECONDS)
                self._break_late_calls(time.monotonic())
        finally:
            self._has_thread = False  # the next call starts another

    def _break_late_calls(self, now: float) -> None:
        for call in self._calls.copy():
            if call.deadline < now:
                call.is_late = True
                if call.below.shut_down():
                    self._calls.pop(call, None)


class WatchedCall:
    """A call that waits.

    Attributes:
        deadline: when it must have ended, in seconds of :func:`time.monotonic`.
        below: the socket that it waits for.
        is_late: whether it has not.
    """

    __slots__ = ("below", "deadline", "is_late")

    def __init__(self, deadline: float, below: WatchedSocket) -> None:
        self.deadline = deadline
        self.below = below
        self.is_late = False


class WatchedSocket:
    """A socket that somebody else opened, and may close at any time.

    Args:
        file_number: its number, which means another file once it is closed.
    """

    def __init__(self, file_number: int) -> None:
        self._file_number = file_number
        self._inode = os.fstat(file_number).st_ino

    def shut_down(self) -> bool:
        """End the connection, unless it has been closed already.

        Returns:
            False if the process has no file number to spare, so try again.
        """
        try:
            number = os.dup(self._file_number)
        except OSError as err:
            return err.errno == errno.EBADF
        try:
            if os.fstat(number).st_ino == self._inode:
                same = socket.socket(fileno=number)
                with suppress(OSError):  # the other side was faster
                    same.shutdown(socket.SHUT_RDWR)
                same.detach()
        finally:
            os.close(number)
        return True


#: The calls of this process.
ANSWER_WATCH = AnswerWatch()


def _forget_calls_of_parent() -> None:
    # Threads are not inherited, and whoever waited in the parent does so there.
    ANSWER_WATCH.__init__()  # type: ignore[misc]


os.register_at_fork(after_in_child=_forget_calls_of_parent)
