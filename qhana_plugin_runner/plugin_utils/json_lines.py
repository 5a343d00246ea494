# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Reading JSON lines: in UTF-8 by orjson, everything else by the standard library.

orjson knows neither ``NaN`` nor surrogates, and reads long integers as floating point
numbers. Lines that it refuses, and blocks with long numbers, are read again.
"""

from __future__ import annotations

import json
from codecs import BOM_UTF8
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Any

import orjson

from qhana_plugin_runner.errors import EntityFormatError, EntityJSONError
from qhana_plugin_runner.plugin_utils.line_sources import LineSource

_DIGITS_TO_ZERO = bytes.maketrans(b"123456789", b"0" * 9)
_LONG_NUMBER = b"0" * 19

_RAW_DECODE = json.JSONDecoder().raw_decode


def load_json_lines(source: LineSource) -> Generator[Any, None, None]:
    """Return the value of each line that is not blank.

    Raises:
        EntityFormatError: the text cannot be decoded.
        EntityJSONError: a line is no JSON.
    """
    chunks = source.utf_8_chunks()
    if chunks is None:
        yield from _load_text(source)
        return
    first_line, offset = 1, 0
    for block in _complete_lines(chunks):
        lines = block.split(b"\n")
        if not offset:
            lines[0] = lines[0].removeprefix(BOM_UTF8)
        load: Callable[[bytes], Any] = orjson.loads
        if _LONG_NUMBER in block.translate(_DIGITS_TO_ZERO):
            load = _load_exactly
        for index, line in enumerate(lines):
            try:
                value = load(line)
            except (ValueError, RecursionError):
                # Counted from the end: the first line may have lost its mark.
                behind = sum(map(len, lines[index:])) + len(lines[index:]) - 1
                at = offset + len(block) - behind
                yield from _parse(
                    _decode(line, first_line + index, at), first_line + index
                )
            else:
                yield value
        first_line += len(lines)
        offset += len(block) + 1


def _load_exactly(line: bytes) -> Any:
    return json.loads(line.decode())


def _complete_lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Cut pieces of a body at line ends, without the last line end of each."""
    rest: list[bytes] = []
    for chunk in chunks:
        start, found, end = chunk.rpartition(b"\n")
        if found:
            yield b"".join((*rest, start))
            rest = [end]
        else:
            rest.append(end)
    if any(rest):
        yield b"".join(rest)


def _decode(line: bytes, number: int, offset: int) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        raise EntityFormatError(
            f"Line {number}: byte {offset + error.start + 1} of the data "
            f"(0x{line[error.start]:02x}) is not valid utf-8: {error.reason}."
        ) from error


def _load_text(source: LineSource) -> Generator[Any, None, None]:
    number = 0
    try:
        for line in source:
            number += 1
            yield from _parse(line, number)
    except UnicodeError as error:
        raise source.explain(error) from error


def _parse(line: str, number: int) -> Iterator[Any]:
    """Yield the value of a line, nothing if it is blank."""
    start = 0 if line[:1] in "{[" else len(line) - len(line.lstrip())
    line = line.rstrip()
    if not line:
        return
    try:
        value, end = _RAW_DECODE(line, start)
        if end != len(line):
            end = len(line) - len(line[end:].lstrip())
            raise json.JSONDecodeError("Extra data", line, end)
    except json.JSONDecodeError as error:
        message = f"JSON line {number}, column {error.colno}: {error.msg}."
        raise EntityJSONError(message, error.doc, error.pos) from error
    except (ValueError, RecursionError) as error:
        raise EntityFormatError(f"JSON line {number} cannot be read: {error}") from error
    yield value
