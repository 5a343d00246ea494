# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Whatever a plugin hands over as a file, read as a stream of bytes from its start.

Text becomes UTF-8. If the bytes of a text file are UTF-8 already, they are read below
the text layer: universal newlines would turn the ``\\r\\n`` of a CSV file into ``\\n``.
"""

from __future__ import annotations

import codecs
import io
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, BinaryIO, Union

from ..errors import InvalidFileContentError

#: What can be stored: text, bytes, a path to copy, or an open file of any kind.
FileContent = Union[str, bytes, bytearray, memoryview, "os.PathLike[Any]", IO[Any]]

#: Bytes (or characters) that are in memory at a time.
CHUNK_SIZE = 1024 * 1024


class _DescriptorReader(io.RawIOBase):
    """Reads a file from its start without moving the position of its owner."""

    def __init__(self, descriptor: int, owned: bool = False) -> None:
        self._descriptor = descriptor
        self._owned = owned
        self._offset = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = os.pread(self._descriptor, len(buffer), self._offset)
        buffer[: len(data)] = data
        self._offset += len(data)
        return len(data)

    def close(self) -> None:
        if self._owned and not self.closed:
            os.close(self._descriptor)
        super().close()


class _EncodingReader(io.RawIOBase):
    """Reads UTF-8 bytes from a source of text, or of bytes in another encoding."""

    def __init__(
        self, source: Any, encoding: str | None = None, first: Any = b""
    ) -> None:
        self._source = source
        self._decoder = codecs.getincrementaldecoder(encoding)() if encoding else None
        self._rest = memoryview(_encoded(first))

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            chunk = self._source.read(CHUNK_SIZE) or b""
            decoder = self._decoder
            text = decoder.decode(chunk, final=not chunk) if decoder else chunk
            self._rest = memoryview(_encoded(text))
            if not chunk:
                break
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count

    def close(self) -> None:
        if isinstance(self._source, _DescriptorReader):
            self._source.close()
        super().close()


@contextmanager
def open_content(file_: FileContent) -> Iterator[BinaryIO]:
    """Open the content that a plugin gave for reading bytes from its start.

    Args:
        file_: text, bytes, a path-like object, or an open file of any kind: text or
            binary, in memory or on disk, at any position, opened for writing only, or a
            stream that cannot seek (which is read from where it is). An open file stays
            open and is left at its end.

    Raises:
        InvalidFileContentError: it is none of these, is closed, or its text cannot be
            written as UTF-8.
    """
    try:
        if isinstance(file_, (str, bytes, bytearray, memoryview)):
            yield io.BytesIO(_encoded(file_))
        elif isinstance(file_, os.PathLike):
            with _opened(file_) as source:
                yield source
        elif hasattr(file_, "read"):
            reader = _reader(file_)
            yield reader
            if isinstance(reader, (_DescriptorReader, _EncodingReader)):
                reader.close()
            _seek(file_, 0, os.SEEK_END)
        else:
            raise InvalidFileContentError(
                f"A file cannot be made from a {type(file_).__name__}. Give text, bytes, "
                "a path or an open file."
            )
    except UnicodeError as err:
        raise InvalidFileContentError(
            f"The text of the file is not valid: {err}."
        ) from err


def copy_content(file_: FileContent, target: BinaryIO) -> None:
    """Write the content to a binary file, one chunk in memory at a time.

    Raises:
        InvalidFileContentError: as :func:`open_content`.
    """
    with open_content(file_) as source:
        shutil.copyfileobj(source, target, CHUNK_SIZE)


def _opened(path: os.PathLike[Any]) -> BinaryIO:
    try:
        return open(path, "rb")
    except OSError as err:
        raise InvalidFileContentError(
            f"The file {os.fspath(path)!r} cannot be read: {err.strerror}."
        ) from err


def _reader(file_: Any) -> Any:
    if getattr(file_, "closed", False):
        raise InvalidFileContentError("The file is closed. Store it before closing it.")
    if isinstance(file_, tempfile.SpooledTemporaryFile):
        file_ = file_._file  # no public way below the text
    buffer = getattr(file_, "buffer", None)
    if buffer is not None:
        file_.flush()
        source = _binary_reader(buffer, file_)
        encoding = codecs.lookup(getattr(file_, "encoding", None) or "utf-8").name
        return (
            source
            if encoding in ("utf-8", "ascii")
            else _EncodingReader(source, encoding)
        )
    if _is_write_only(file_):
        file_.flush()
        return _binary_reader(file_, file_)
    _seek(file_, 0, os.SEEK_SET)
    first = file_.read(CHUNK_SIZE)
    if first is None or isinstance(first, (str, bytes, bytearray, memoryview)):
        return _EncodingReader(file_, first=first or b"")
    raise InvalidFileContentError(
        f"Reading the file gave a {type(first).__name__} instead of text or bytes."
    )


def _binary_reader(buffer: Any, file_: Any) -> Any:
    if not _is_write_only(buffer):
        _seek(buffer, 0, os.SEEK_SET)
        return buffer
    # Temporary files that were opened for writing can be read through their descriptor,
    # other files only through their name.
    descriptor = buffer.fileno()
    try:
        os.pread(descriptor, 1, 0)
        return _DescriptorReader(descriptor)
    except OSError:
        return _reopened(getattr(file_, "name", None), descriptor)


def _reopened(name: Any, descriptor: int) -> _DescriptorReader:
    try:
        reader = _DescriptorReader(os.open(name, os.O_RDONLY), owned=True)
    except (OSError, TypeError) as err:
        raise InvalidFileContentError(
            "The file is opened for writing only. Open it in mode 'w+'."
        ) from err
    if not os.path.samestat(os.fstat(reader._descriptor), os.fstat(descriptor)):
        reader.close()
        raise InvalidFileContentError(
            f"The file {name!r} was replaced while it was open for writing."
        )
    return reader


def _encoded(data: str | bytes | bytearray | memoryview) -> Any:
    return data.encode("utf-8") if isinstance(data, str) else data


def _is_write_only(file_: Any) -> bool:
    readable = getattr(file_, "readable", None)
    return readable is not None and not readable()


def _seek(file_: Any, offset: int, whence: int) -> None:
    try:
        file_.seek(offset, whence)
    except (AttributeError, OSError, ValueError):
        # A stream that cannot seek: all that is left of it is the content.
        return
