# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Ending a wait for a server that sends just enough to keep its client waiting.

The time-out of a socket begins anew with every byte. So a second thread hangs up.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Timer


@contextmanager
def hang_up_after(sock: socket.socket, seconds: float) -> Iterator[None]:
    """Shut a socket down after some time, which wakes up who waits for it.

    Args:
        sock: the socket that is read from meanwhile.
        seconds: how long that may take.

    Raises:
        TimeoutError: it took longer. What was read is cut off, even if it looks complete.
    """
    fired = Event()

    def hang_up() -> None:
        fired.set()
        # Not sock.shutdown(): that of TLS sockets is not made for a second thread.
        with suppress(OSError):  # it is closed already
            socket.socket.shutdown(sock, socket.SHUT_RDWR)

    timer = Timer(seconds, hang_up)
    timer.daemon = True
    timer.start()
    try:
        yield
    except Exception as error:
        if not fired.is_set():
            raise
        raise TimeoutError("The server takes too long to answer.") from error
    finally:
        timer.cancel()
    if fired.is_set():
        raise TimeoutError("The server takes too long to answer.")
