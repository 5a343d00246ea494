# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Everything that plugins hand over as a file becomes the same bytes."""

# ruff: noqa: SIM115  (open files are what is tested)

from __future__ import annotations

import csv
import io
import tempfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.datastructures import FileStorage

from qhana_plugin_runner.errors import InvalidFileContentError
from qhana_plugin_runner.storage import copy_content, open_content

TEXT = 'ID,ä\r\n1,"a\nb\u2028\x85"\r\n'
DATA = TEXT.encode()


def read(file_: Any) -> bytes:
    target = io.BytesIO()
    copy_content(file_, target)
    return target.getvalue()


class OneWayStream:
    """A stream that cannot seek, for example of a network connection."""

    def __init__(self, content: Any) -> None:
        self.content = content

    def read(self, size: int = -1) -> Any:
        chunk, self.content = self.content[:7], self.content[7:]
        return chunk


def written(file_: Any, content: Any = TEXT) -> Any:
    file_.write(content)
    return file_


def rolled_over(file_: Any, content: Any = TEXT) -> Any:
    written(file_, content).rollover()
    return file_


KINDS: dict[str, Callable[[Path], Any]] = {
    "str": lambda _: TEXT,
    "bytes": lambda _: DATA,
    "bytearray": lambda _: bytearray(DATA),
    "memoryview": lambda _: memoryview(DATA),
    "path": lambda path: path,
    "BytesIO": lambda _: written(io.BytesIO(), DATA),
    "StringIO": lambda _: written(io.StringIO(newline="")),
    "text stream": lambda _: OneWayStream(TEXT),
    "byte stream": lambda _: OneWayStream(DATA),
    "spooled w": lambda _: written(tempfile.SpooledTemporaryFile(mode="w")),
    "spooled wt": lambda _: written(tempfile.SpooledTemporaryFile(mode="wt")),
    "spooled newline": lambda _: written(
        tempfile.SpooledTemporaryFile(mode="w", newline="")
    ),
    "spooled w+": lambda _: written(tempfile.SpooledTemporaryFile(mode="w+")),
    "spooled default": lambda _: written(tempfile.SpooledTemporaryFile(), DATA),
    "spooled wb": lambda _: written(tempfile.SpooledTemporaryFile(mode="wb"), DATA),
    "rolled w": lambda _: rolled_over(tempfile.SpooledTemporaryFile(mode="w")),
    "rolled w+": lambda _: rolled_over(tempfile.SpooledTemporaryFile(mode="w+")),
    "rolled default": lambda _: rolled_over(tempfile.SpooledTemporaryFile(), DATA),
    "rolled wb": lambda _: rolled_over(tempfile.SpooledTemporaryFile(mode="wb"), DATA),
    "spooled utf-16": lambda _: written(
        tempfile.SpooledTemporaryFile(mode="w", encoding="utf-16")
    ),
    "rolled utf-16": lambda _: rolled_over(
        tempfile.SpooledTemporaryFile(mode="w", encoding="utf-16")
    ),
    "named w+b": lambda _: written(tempfile.NamedTemporaryFile("w+b"), DATA),
    "named w": lambda _: written(tempfile.NamedTemporaryFile("w")),
    "file rb": lambda path: path.open("rb"),
    "file r": lambda path: path.open("r", encoding="utf-8"),
    "file rb unbuffered": lambda path: path.open("rb", buffering=0),
    "file w": lambda path: written(path.open("w", encoding="utf-8")),
    "file wb": lambda path: written(path.open("wb"), DATA),
    "file w+": lambda path: written(path.open("w+", encoding="utf-8")),
    "upload": lambda _: FileStorage(stream=io.BytesIO(DATA)),
    "upload stream": lambda _: FileStorage(
        rolled_over(tempfile.SpooledTemporaryFile(), DATA), "a.csv"
    ).stream,
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_file_is_stored_unchanged(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "input.csv"
    path.write_bytes(DATA)
    assert read(KINDS[kind](path)) == DATA


def test_closed_zip_archive_in_a_spooled_file() -> None:
    with tempfile.SpooledTemporaryFile(mode="wb") as file_:
        with ZipFile(file_, "w") as archive:
            archive.writestr("a.txt", "content")
        data = read(file_)
    with ZipFile(io.BytesIO(data)) as archive:
        assert archive.read("a.txt") == b"content"


def test_csv_line_ends_survive() -> None:
    with tempfile.SpooledTemporaryFile(mode="w") as file_:
        csv.writer(file_).writerows([["ID", "x"], ["1", "two\nlines"]])
        assert read(file_) == b'ID,x\r\n1,"two\nlines"\r\n'


def test_file_stays_open_at_its_end() -> None:
    with tempfile.SpooledTemporaryFile(mode="w") as file_:
        file_.write("first\n")
        read(file_)
        file_.write("second\n")
        assert read(file_) == b"first\nsecond\n"


def test_empty_files() -> None:
    assert read("") == read(b"") == read(io.StringIO()) == b""
    assert read(tempfile.SpooledTemporaryFile(mode="w")) == b""


@given(st.text(), st.integers(1, 40))
def test_text_is_utf8(text: str, size: int) -> None:
    with tempfile.SpooledTemporaryFile(max_size=size, mode="w", newline="") as file_:
        file_.write(text)
        assert read(file_) == text.encode()


@pytest.mark.parametrize("content", [None, 1, {"a": 1}, ["text"], object()])
def test_what_is_no_file_is_a_value_error(content: Any) -> None:
    with pytest.raises(ValueError, match="cannot be made from"):
        read(content)


def test_closed_file_is_a_value_error() -> None:
    file_ = io.BytesIO(b"x")
    file_.close()
    with pytest.raises(InvalidFileContentError, match="closed"):
        read(file_)


def test_missing_path_is_a_value_error(tmp_path: Path) -> None:
    with pytest.raises(InvalidFileContentError, match="No such file"):
        read(tmp_path / "missing")


def test_text_that_is_no_unicode_is_a_value_error() -> None:
    with pytest.raises(InvalidFileContentError, match="not valid"):
        read("\udcff")


def test_write_only_file_that_was_replaced_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with path.open("w") as file_:
        path.unlink()
        path.write_text("another file")
        with pytest.raises(InvalidFileContentError, match="replaced"):
            read(file_)


def test_big_text_is_read_in_constant_memory() -> None:
    with tempfile.SpooledTemporaryFile(max_size=1024, mode="w") as file_:
        for _ in range(40):
            file_.write("x" * 1024 * 1024)
        tracemalloc.start()
        try:
            with open_content(file_) as source:
                size = sum(len(chunk) for chunk in iter(lambda: source.read(65536), b""))
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert size == 40 * 1024 * 1024
    assert peak < 8 * 1024 * 1024
