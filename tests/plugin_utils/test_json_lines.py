# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Lines are read as the standard library reads them, wherever the pieces end."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qhana_plugin_runner.errors import EntityFormatError, EntityJSONError
from qhana_plugin_runner.plugin_utils.json_lines import load_json_lines
from qhana_plugin_runner.plugin_utils.line_sources import LineSource

LINES = "application/X-lines+json"


class Body:
    """A response whose body comes in pieces of a size."""

    def __init__(self, content: bytes, size: int = 7) -> None:
        self.content, self.size = content, size

    def iter_content(self, _size: int) -> Iterator[bytes]:
        for start in range(0, len(self.content), self.size):
            yield self.content[start : start + self.size]


def load(content: bytes, size: int = 7, mimetype: str = LINES) -> list[Any]:
    source = LineSource(Body(content, size), mimetype, newline="\n")
    return list(load_json_lines(source))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=6,
)


@settings(deadline=None)
@given(st.lists(VALUES), st.booleans(), st.integers(1, 40))
def test_every_value_survives(values: list[Any], ascii_only: bool, size: int):
    lines = (json.dumps(value, ensure_ascii=ascii_only) for value in values)
    content = "\n".join(lines).encode("utf-8", "surrogatepass")
    assert repr(load(content, size)) == repr(values)


@pytest.mark.parametrize(
    "number", ["18446744073709551616", "-9223372036854775809", "1" * 40, "1e400", "-0"]
)
def test_numbers_are_exact(number: str):
    assert repr(load(f'{{"n": {number}}}\n'.encode())) == repr(
        [{"n": json.loads(number)}]
    )


def test_numbers_that_json_does_not_know():
    assert math.isnan(load(b"[1]\nNaN\n-Infinity")[1])


def test_blank_lines_and_a_byte_order_mark_are_skipped():
    assert load(b"\xef\xbb\xbf1\r\n\n \t\n2\n\x0b\n\n") == [1, 2]
    assert load(b"") == load(b"\n\n") == load(b"\xef\xbb\xbf") == []


@pytest.mark.parametrize("size", [1, 5, 1000])
def test_the_error_names_line_and_column(size: int):
    with pytest.raises(EntityJSONError, match="line 3, column 3: Extra data"):
        load(b"1\n\n2 x\n3", size)


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("size", [1, 5, 1000])
def test_the_error_names_the_byte_that_is_no_text(size: int, mark: bytes):
    content = mark + b'1\n"\xc3\xa4"\n"a\xff"\n'
    where = f"Line 3: byte {content.index(0xFF) + 1} of the data \\(0xff\\)"
    with pytest.raises(EntityFormatError, match=where):
        load(content, size)


def test_other_charsets_are_read_as_text():
    assert load('"ä"\n1'.encode("latin-1"), mimetype=f"{LINES}; charset=latin-1") == [
        "ä",
        1,
    ]
    assert load('"ä"\n1'.encode("utf-16")) == ["ä", 1]


def test_what_comes_before_an_error_is_loaded():
    source = LineSource(Body(b"1\n2\nx\n", 1000), LINES, newline="\n")
    lines = load_json_lines(source)
    assert [next(lines), next(lines)] == [1, 2]
    with pytest.raises(EntityJSONError):
        next(lines)
