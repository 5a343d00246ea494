# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The body of a response, read only as far and as long as allowed, and to its end."""

from __future__ import annotations

from collections.abc import Iterator
from io import BufferedReader, RawIOBase
from time import monotonic
from typing import Any

from urllib3.response import GzipDecoderState

from qhana_plugin_runner.errors import FetchError
from qhana_plugin_runner.url_adapters.deadlines import hang_up_after
from qhana_plugin_runner.url_adapters.policy import too_long

_CHUNK_SIZE = 1 << 16
BYTES_PER_EXTRA_SECOND = 1 << 14
MIN_BYTES_OF_BOMB = 10 << 20
"""Decompressed bytes from which on the ratio of compression is limited."""


class BoundedBody(RawIOBase):
    """Stands for the body of a response of urllib3 and counts what is read of it.

    Bytes are counted after decompression. They are handed on as they arrive, so that a
    server that sends a byte now and then is noticed. A compressed body that breaks off is
    an error, which urllib3 would not notice. Everything else goes to the body.

    Args:
        body: the response of urllib3.
        max_bytes: the most bytes to read; ``None`` is no limit.
        max_seconds: the longest time to wait for bytes in all; every 16 KiB received give
            another second. ``None`` is no limit.
        max_ratio: how many times more bytes than the server sent may come out of
            decompression, once they are 10 MiB. ``None`` is no limit.
    """

    def __init__(
        self,
        body: Any,
        max_bytes: int | None,
        max_seconds: float | None,
        max_ratio: float | None = None,
    ) -> None:
        self._body = body
        self._max_ratio = max_ratio
        self._max_bytes = max_bytes
        self._max_seconds = max_seconds
        self._received = 0
        self._waited = 0.0
        self._rest = b""
        self._closed = False
        self._pieces: Iterator[bytes] | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._body, name)

    @property
    def decode_content(self) -> bool:
        """Whether reading decompresses the body."""
        return bool(self._body.decode_content)

    @decode_content.setter
    def decode_content(self, value: bool) -> None:
        self._body.decode_content = value

    def _next(self, size: int, decode_content: bool | None) -> bytes:
        """Get some bytes, at most about ``size``; none only at the end."""
        started = monotonic()
        if hasattr(self._body, "read1"):
            chunk = self._body.read1(size, decode_content=decode_content) or b""
        else:
            chunk = self._next_of_old_library(decode_content)
        self._waited += monotonic() - started
        self._received += len(chunk)
        if self._max_bytes is not None and self._received > self._max_bytes:
            self.close()
            raise too_long(self._max_bytes)
        if self._waited > self._patience():
            raise self._too_slow()
        if self.decode_content if decode_content is None else decode_content:
            self._check_compression(is_end=size > 0 and not chunk)
        return chunk

    def _check_compression(self, is_end: bool) -> None:
        """Refuse bombs, and at the end what is not complete."""
        sent = self._body.tell()  # 0 in chunks of version 1 of urllib3, which counts none
        if (
            self._max_ratio is not None
            and self._received > max(MIN_BYTES_OF_BOMB, self._max_ratio * sent)
            and sent
        ):
            self.close()
            raise FetchError(
                f"The data is compressed more than {self._max_ratio:g} times."
            )
        if is_end and (sent or self._received) and not _is_complete(self._body):
            self.close()
            raise FetchError("The compressed data breaks off before its end.")

    def _patience(self) -> float:
        """Get how many seconds of waiting are allowed for what was received."""
        if self._max_seconds is None:
            return float("inf")
        return self._max_seconds + self._received / BYTES_PER_EXTRA_SECOND

    def _too_slow(self) -> FetchError:
        self.close()
        return FetchError("The server sends its answer too slowly.")

    def _next_of_old_library(self, decode_content: bool | None) -> bytes:
        """Get some bytes from version 1 of urllib3, which waits until it has many."""
        if self._pieces is None:
            self._pieces = self._body.stream(_CHUNK_SIZE, decode_content)
        connected = getattr(getattr(self._body, "_fp", None), "fp", None)
        sock = getattr(getattr(connected, "raw", None), "_sock", None)
        if sock is None or self._max_seconds is None:
            return next(self._pieces, b"")
        try:
            with hang_up_after(sock, max(self._patience() - self._waited, 0)):
                return next(self._pieces, b"")
        except TimeoutError as error:
            raise self._too_slow() from error

    def stream(
        self, amt: int | None = _CHUNK_SIZE, decode_content: bool | None = None
    ) -> Iterator[bytes]:
        """Iterate over pieces of the body of at most about ``amt`` bytes."""
        if self._rest:
            rest, self._rest = self._rest, b""
            yield rest
        while chunk := self._next(amt or _CHUNK_SIZE, decode_content):
            yield chunk

    def read(
        self,
        amt: int | None = None,
        decode_content: bool | None = None,
        cache_content: bool = False,
    ) -> bytes:
        """Read ``amt`` bytes, less only at the end; all if there is no ``amt``."""
        wanted = float("inf") if amt is None or amt < 0 else amt
        chunks, missing = [], wanted
        while missing > 0:
            chunk = self._rest or self._next(
                int(min(_CHUNK_SIZE, missing)), decode_content
            )
            self._rest = b""
            if not chunk:
                break
            chunks.append(chunk)
            missing -= len(chunk)
        content = b"".join(chunks)
        if missing < 0:
            content, self._rest = content[: int(wanted)], content[int(wanted) :]
        return content

    def readinto(self, buffer: Any) -> int:
        """Read at most as many bytes as fit into a buffer."""
        chunk = self._rest or self._next(len(buffer), None)
        size = min(len(buffer), len(chunk))
        buffer[:size], self._rest = chunk[:size], chunk[size:]
        return size

    def __iter__(self) -> Iterator[bytes]:
        return iter(BufferedReader(self, _CHUNK_SIZE))

    def readable(self) -> bool:
        """Tell that this can be read."""
        return True

    @property
    def closed(self) -> bool:
        """Whether this was closed; that all is read does not close it."""
        return self._closed

    def close(self) -> None:
        """Close the body; its connection is not used again unless all was read."""
        self._closed = True
        self._body.close()


def _is_complete(body: Any) -> bool:
    """Whether every decompressor of a response of urllib3 has seen the end of its data.

    There is no public way to ask. What is unknown to this function counts as complete.
    """
    decoder = getattr(body, "_decoder", None)
    return all(
        getattr(getattr(part, "_obj", None), "eof", True)
        # What follows the first part of gzip data may be padding.
        or getattr(part, "_state", 0) == GzipDecoderState.SWALLOW_DATA
        for part in getattr(decoder, "_decoders", (decoder,))
    )
