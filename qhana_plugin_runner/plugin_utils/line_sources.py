# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The text lines of a response, whatever kind of response it is.

``Response.iter_lines()`` of requests splits text at ``\\x0b``, ``\\x0c``, ``\\x1c`` to
``\\x1e``, ``\\x85``, ``\\u2028`` and ``\\u2029`` and drops the line ends. A CSV reader
behind it would lose all of them from quoted values. So the bytes are decoded here, piece
by piece, and split only where CSV and JSON lines are.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from io import BufferedIOBase, TextIOWrapper
from itertools import chain
from typing import Any, BinaryIO, Protocol, cast

from qhana_plugin_runner.errors import EntityFormatError
from qhana_plugin_runner.plugin_utils.media_types import split_media_type

_CHUNK_SIZE = 1 << 16
_BYTE_ORDER_MARK = "\ufeff"
# UTF-32 first: its little endian mark starts with that of UTF-16.
_ENCODINGS_BY_MARK = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_LINE_ENDS = tuple("\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029")
# What requests assumes for text without a charset, from a long obsolete HTTP standard.
_ASSUMED_BY_REQUESTS = "iso-8859-1"


class ResponseLike(Protocol):
    """What entities can be loaded from, if it is no response of requests."""

    def json(self) -> Any:
        """Get the whole body, read as JSON."""
        ...

    def iter_lines(
        self,
        chunk_size: int = 512,
        decode_unicode: bool = False,
        delimiter: Any = None,
    ) -> Iterator[Any]:
        """Iterate over the lines of the body, as text or bytes."""
        ...


class _ByteSource(BufferedIOBase):
    """Pieces of a body as a file that a text wrapper can read.

    It counts what went through, to say later where a byte was that is no text.
    """

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self.chunks = filter(None, chunks)
        self.bytes_read = 0
        self.newlines_read = 0

    def readable(self) -> bool:
        return True

    def read1(self, size: int | None = -1) -> bytes:
        # The text wrapper takes pieces of any size; only an empty one has a meaning.
        chunk = next(self.chunks, b"")
        self.bytes_read += len(chunk)
        self.newlines_read += chunk.count(b"\n")
        return chunk

    read = read1


def declared_charset(file_: Any, mimetype: str | None) -> str | None:
    """Find the charset that the caller or the sender of a response declared.

    Args:
        file_: the response.
        mimetype: the content type that the caller gave; it wins over the response.
    """
    charset = split_media_type(mimetype)[1]
    if charset is None and (headers := getattr(file_, "headers", None)):
        charset = split_media_type(headers.get("Content-Type"))[1]
    return charset


def assumed_charset(file_: Any) -> str:
    """Find the charset of a response that declares none."""
    encoding = getattr(file_, "encoding", None)
    if isinstance(encoding, str) and encoding.lower() != _ASSUMED_BY_REQUESTS:
        return encoding
    return "utf-8"


def unknown_charset(charset: str) -> EntityFormatError:
    """Build the error for a charset that nobody knows."""
    return EntityFormatError(f"The declared charset '{charset}' is not known.")


class LineSource:
    """The lines of a response as text, with their line ends.

    A byte-order mark at the start is removed. Text is UTF-8 unless a charset is declared
    or a byte-order mark tells otherwise. The body is read while the lines are.

    Args:
        file_: a response of requests (streamed or not) or a :class:`ResponseLike`.
        mimetype: the content type; its charset, if any, wins over that of the response.
        newline: ``""`` to split at LF, CR and CR LF, ``"\\n"`` to split at LF only.
    """

    def __init__(self, file_: Any, mimetype: str | None, newline: str = "") -> None:
        self._declared = declared_charset(file_, mimetype)
        self._assumed = assumed_charset(file_)
        self._bytes: _ByteSource | None = None
        self._is_utf_8 = False
        if callable(getattr(file_, "iter_content", None)):
            self._lines = self._wrap(file_.iter_content(_CHUNK_SIZE), newline)
        else:
            self._lines = self._complete(file_.iter_lines(decode_unicode=True))

    def __iter__(self) -> Iterator[str]:
        try:
            first = next(self._lines, None)
        except UnicodeError as error:
            raise self.explain(error) from error
        if first is None:
            return iter(())
        return chain((first.removeprefix(_BYTE_ORDER_MARK),), self._lines)

    def utf_8_chunks(self) -> Iterator[bytes] | None:
        """Return the bytes of the body if they are UTF-8, with their byte-order mark.

        Who takes them must not ask for the lines.
        """
        return self._bytes.chunks if self._bytes is not None and self._is_utf_8 else None

    def _wrap(self, chunks: Iterator[bytes], newline: str) -> Iterator[str]:
        """Decode a stream of bytes and split it into lines."""
        first = next(chunks, b"")
        marks = (name for mark, name in _ENCODINGS_BY_MARK if first.startswith(mark))
        encoding = self._declared or next(marks, self._assumed)
        self._bytes = _ByteSource(chain((first,), chunks))
        try:
            buffer = cast(BinaryIO, self._bytes)
            self._is_utf_8 = codecs.lookup(encoding).name == "utf-8"
            return TextIOWrapper(buffer, encoding=encoding, newline=newline)
        except LookupError as error:
            raise unknown_charset(encoding) from error

    def _complete(self, lines: Iterator[Any]) -> Iterator[str]:
        """Decode lines if they are bytes, and give them line ends if they have none."""
        line_end: str | None = None
        for number, line in enumerate(lines, 1):
            text = line if isinstance(line, str) else self._decode_line(line, number)
            if line_end is None:
                line_end = "" if text.endswith(_LINE_ENDS) else "\n"
            yield text + line_end

    def _decode_line(self, line: bytes, number: int) -> str:
        charset = self._declared or self._assumed
        try:
            return line.decode(charset)
        except LookupError as error:
            raise unknown_charset(charset) from error
        except UnicodeDecodeError as error:
            raise EntityFormatError(
                f"Line {number}, byte {error.start + 1} of the line is not valid "
                f"{error.encoding}: {error.reason}."
            ) from error

    def explain(self, error: UnicodeError) -> EntityFormatError:
        """Build the error that says where the bytes are that are no text."""
        if self._bytes is None or not isinstance(error, UnicodeDecodeError):
            return EntityFormatError(f"The data cannot be decoded: {error}")
        behind = error.object[error.start :]
        offset = self._bytes.bytes_read - len(behind)
        # UTF-16 and UTF-32 have bytes that only look like line feeds.
        line = self._bytes.newlines_read - behind.count(b"\n") + 1
        where = (
            "" if "16" in error.encoding or "32" in error.encoding else f"Line {line}: "
        )
        bad = error.object[error.start : error.start + 1].hex()
        return EntityFormatError(
            f"{where}byte {offset + 1} of the data (0x{bad}) is not valid "
            f"{error.encoding}: {error.reason}."
        )
