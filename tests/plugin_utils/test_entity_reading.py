# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import codecs
import csv
import gzip
import json
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from byte_server import ByteServer
from entity_sources import DropsLineEnds, KeepsLineEnds, response_of
from qhana_plugin_runner.errors import (
    EntityFormatError,
    EntityJSONError,
    EntityShapeError,
)
from qhana_plugin_runner.plugin_utils.entity_marshalling import (
    EntityTupleMixin,
    load_entities,
)

JSON = "application/json"
LINES = "application/X-lines+json"
CSV = "text/csv"

ALL_SOURCES = [response_of, KeepsLineEnds, DropsLineEnds]


def source_of(kind: Any, text: str) -> Any:
    return response_of(text.encode()) if kind is response_of else kind(text)


@pytest.fixture(scope="module")
def server() -> Iterator[ByteServer]:
    with ByteServer() as server:
        yield server


@pytest.mark.parametrize("kind", ALL_SOURCES)
def test_csv_rows_become_tuples_of_text(kind: Any) -> None:
    file_ = source_of(kind, 'ID,href,a b\r\n"x",,1\r\n\r\ny,http://y,"q""q"\r\n')
    first, second = load_entities(file_=file_, mimetype=CSV)
    assert isinstance(first, EntityTupleMixin)
    assert first.entity_attributes == ("ID", "href", "a b")
    assert first == ("x", "", "1")
    assert second == ("y", "http://y", 'q"q')


@pytest.mark.parametrize("kind", ALL_SOURCES)
def test_json_arrays_give_their_items(kind: Any) -> None:
    assert list(load_entities(source_of(kind, '[{"ID": "a"}, 1]'), JSON)) == [
        {"ID": "a"},
        1,
    ]


@pytest.mark.parametrize("value", [{"ID": "a", "b": [1]}, 5, "text", None])
def test_any_other_json_is_one_item(value: Any) -> None:
    assert list(load_entities(response_of(json.dumps(value).encode()), JSON)) == [value]


@pytest.mark.parametrize("kind", ALL_SOURCES)
def test_json_lines_give_one_item_each_and_blank_lines_none(kind: Any) -> None:
    file_ = source_of(kind, '{"ID": "a\u2028"}\r\n\n  \n [1] \n{"ID": "b"}')
    assert list(load_entities(file_, LINES)) == [{"ID": "a\u2028"}, [1], {"ID": "b"}]


@pytest.mark.parametrize(
    "mimetype",
    [
        "text/csv; charset=utf-8",
        "Text/CSV",
        " text/csv ;header=present",
        'text/csv;charset="UTF-8"',
    ],
)
def test_parameters_and_case_of_the_content_type_do_not_matter(mimetype: str) -> None:
    assert next(load_entities(response_of(b"ID\nx\n"), mimetype)) == ("x",)


@pytest.mark.parametrize("mimetype", ["application/x-lines+json", LINES.upper()])
def test_json_lines_are_known_in_any_spelling(mimetype: str) -> None:
    assert list(load_entities(response_of(b"1\n2"), mimetype)) == [1, 2]


def test_other_content_types_are_refused_when_iteration_starts() -> None:
    entities = load_entities(response_of(b""), "text/plain; charset=x")
    with pytest.raises(
        ValueError, match="text/plain; charset=x files is not implemented"
    ):
        next(entities)


def test_nothing_is_read_before_the_first_entity() -> None:
    class Untouchable:
        def __getattr__(self, name: str) -> Any:
            raise AssertionError(name)

    load_entities(Untouchable(), CSV)  # type: ignore[arg-type]


AWKWARD = "a\nb\r\nc\rd\x85e\u2028f\u2029g\x0bh\x0ci\x1cj\x1dk\x1el,m\"n'o;p\tq "


@pytest.mark.parametrize("streamed", [True, False])
def test_line_breaks_of_all_kinds_survive_in_quoted_values(streamed: bool) -> None:
    quoted = AWKWARD.replace('"', '""')
    body = f'ID,"{quoted}"\r\nx,"{quoted}"\r\n'.encode()
    (entity,) = load_entities(response_of(body, CSV, streamed), CSV)
    assert entity == ("x", AWKWARD)
    assert entity.entity_attributes == ("ID", AWKWARD)


def test_sources_that_keep_line_ends_keep_quoted_line_breaks() -> None:
    text = 'ID,a\r\nx,"1\r\n2\n3\r4"\r\n'
    assert list(load_entities(KeepsLineEnds(text), CSV)) == [("x", "1\r\n2\n3\r4")]


def test_sources_without_line_ends_get_them_back() -> None:
    assert list(load_entities(DropsLineEnds('ID,a\nx,"1\n2"\n'), CSV)) == [("x", "1\n2")]


def test_values_may_be_longer_than_the_csv_module_allows_by_default() -> None:
    csv.field_size_limit(131072)
    long = "x" * 3_000_000
    (entity,) = load_entities(response_of(f'ID\n"{long}"'.encode()), CSV)
    assert long == entity.ID


@pytest.mark.parametrize(
    ("body", "header", "mimetype"),
    [
        ("ID\nä\n".encode(), None, CSV),
        ("ID\nä\n".encode(), CSV, CSV),
        (codecs.BOM_UTF8 + "ID\nä\n".encode(), CSV, CSV),
        (codecs.BOM_UTF8 + '"ID"\r\n"ä"'.encode(), "text/csv; charset=utf-8", CSV),
        ("ID\nä\n".encode("latin-1"), "text/csv; charset=latin-1", CSV),
        ("ID\nä\n".encode("latin-1"), "text/csv", "text/csv; charset=ISO-8859-1"),
        ("ID\nä\n".encode("cp1252"), "text/csv;charset=utf-8", "text/csv;charset=cp1252"),
        ("ID\nä\n".encode("utf-16"), CSV, CSV),
        ("ID\nä\n".encode("utf-16"), "text/csv; charset=utf-16", CSV),
        ("\ufeffID\nä\n".encode("utf-16-be"), "text/csv; charset=utf-16-be", CSV),
        ("ID\nä\n".encode("utf-32"), None, CSV),
        ("ID\nä\n".encode("shift-jis", "ignore") + b"\x83\x41", "x;charset=sjis", CSV),
    ],
)
@pytest.mark.parametrize("streamed", [True, False])
def test_text_is_utf_8_unless_something_else_is_declared(
    body: bytes, header: str | None, mimetype: str, streamed: bool
) -> None:
    (entity,) = load_entities(response_of(body, header, streamed), mimetype)
    assert entity.entity_attributes == ("ID",)
    assert entity.ID in ("ä", "ア")


def test_an_encoding_that_the_caller_set_is_used() -> None:
    response = response_of(b"ID\n\xe4\n", CSV, streamed=True)
    response.encoding = "cp1252"
    assert next(load_entities(response, CSV)).ID == "ä"


@pytest.mark.parametrize("mimetype", [JSON, LINES])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-8", "utf-16", "utf-32"])
def test_json_may_have_a_byte_order_mark(mimetype: str, encoding: str) -> None:
    body = '{"ID": "ä"}'.encode(encoding)
    assert list(load_entities(response_of(body, mimetype), mimetype)) == [{"ID": "ä"}]


@pytest.mark.parametrize("mimetype", [JSON, LINES])
def test_json_in_a_declared_charset(mimetype: str) -> None:
    body = '{"ID": "ä"}'.encode("latin-1")
    header = f"{mimetype}; charset=latin-1"
    assert list(load_entities(response_of(body, header), mimetype)) == [{"ID": "ä"}]


@pytest.mark.parametrize("mimetype", [CSV, JSON, LINES])
def test_unknown_charsets_are_named(mimetype: str) -> None:
    for charset in ("nonsense", "hex"):
        with pytest.raises(EntityFormatError, match=f"charset '{charset}' is not known"):
            list(load_entities(response_of(b"1"), f"{mimetype};charset={charset}"))


def test_a_header_only_file_has_no_entities() -> None:
    assert list(load_entities(response_of(b"ID,a\r\n"), CSV)) == []


@pytest.mark.parametrize("kind", ALL_SOURCES)
def test_an_empty_csv_file_is_an_error(kind: Any) -> None:
    with pytest.raises(ValueError, match="CSV line 1: the file is empty"):
        list(load_entities(source_of(kind, ""), CSV))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("y,1", r"line 5, column 3: the value of 'b' is missing \(2 values, 3 columns\)"),
        ("y,1,2,3,4", r"line 5, column 4: there is a value without a column \(5 values"),
        ('y,"1\n2"', r"line 5, column 3"),
    ],
)
@pytest.mark.parametrize("error", [ValueError, TypeError, EntityShapeError])
def test_ragged_rows_name_line_and_column(
    row: str, message: str, error: type[Exception]
) -> None:
    entities = load_entities(response_of(f'ID,a,b\n"x\n1",2,3\n\n{row}\n'.encode()), CSV)
    assert next(entities) == ("x\n1", "2", "3")
    with pytest.raises(error, match=message):
        next(entities)


def test_json_lines_name_line_and_column_of_an_error() -> None:
    entities = load_entities(response_of(b'{"ID": 1}\n\n{"ID": }\n'), LINES)
    next(entities)
    with pytest.raises(
        json.JSONDecodeError, match="JSON line 3, column 8: Expecting value"
    ):
        next(entities)


@pytest.mark.parametrize("body", [b"", b"\n", "\ufeff".encode(), b" \r\n"])
def test_blank_json_lines_files_have_no_entities(body: bytes) -> None:
    assert list(load_entities(response_of(body), LINES)) == []


def test_json_lines_refuse_two_values_in_a_line() -> None:
    with pytest.raises(EntityJSONError, match="JSON line 1, column 4: Extra data"):
        next(load_entities(response_of(b"{} {}\n"), LINES))


def test_json_names_line_and_column_of_an_error() -> None:
    with pytest.raises(
        EntityJSONError, match="JSON line 2, column 3: Expecting value"
    ) as e:
        next(load_entities(response_of(b"[1,\n  x]"), JSON))
    assert isinstance(e.value, ValueError)
    assert e.value.pos == 6


@pytest.mark.parametrize("mimetype", [JSON, LINES])
@pytest.mark.parametrize("body", [b"[" * 200_000, b"9" * 5000])
def test_json_that_python_cannot_hold_is_a_format_error(
    mimetype: str, body: bytes
) -> None:
    with pytest.raises(EntityFormatError):
        next(load_entities(response_of(body), mimetype))


@pytest.mark.parametrize("streamed", [True, False])
def test_undecodable_bytes_name_line_and_byte(streamed: bool) -> None:
    good = b"ID,a\r\n" + b"x,y\r\n" * 30_000
    entities = load_entities(response_of(good + b"x,\xe4\r\nx,y", CSV, streamed), CSV)
    with pytest.raises(EntityFormatError) as error:
        list(entities)
    assert f"Line 30002: byte {len(good) + 3} of the data (0xe4)" in str(error.value)


@pytest.mark.parametrize("mimetype", [JSON, LINES])
def test_undecodable_bytes_in_json_name_line_and_byte(mimetype: str) -> None:
    body = b'[1]\n\n["\xff"]'
    with pytest.raises(EntityFormatError, match=r"(?i)line 3: byte 8 of the data"):
        list(load_entities(response_of(body, f"{mimetype};charset=utf-8"), mimetype))


def test_undecodable_lines_of_other_sources_name_the_line() -> None:
    class Broken(KeepsLineEnds):
        def iter_lines(self, *args: Any, **kwargs: Any) -> Iterator[Any]:
            yield from (b"ID", b"x", b"\xff")

    with pytest.raises(EntityFormatError, match="Line 3, byte 1 of the line"):
        list(load_entities(Broken(""), CSV))


def test_strict_dialects_report_the_line() -> None:
    class Strict(csv.excel):
        strict = True

    with pytest.raises(EntityFormatError, match="CSV line 2: "):
        list(load_entities(response_of(b'ID\n"a"b\n'), CSV, csv_dialect=Strict))


def test_other_dialects_can_be_used() -> None:
    response = response_of(b"ID\ta\nx\t1,2\n")
    assert list(load_entities(response, CSV, "excel-tab")) == [("x", "1,2")]


def test_the_tuple_function_gets_the_row_as_a_list() -> None:
    rows = load_entities(response_of(b"ID,a\nx,1\n\ny,2\n"), CSV, tuple_=lambda row: row)
    assert list(rows) == [["x", "1"], ["y", "2"]]


def test_the_tuple_function_decides_about_ragged_rows() -> None:
    body = b"ID,a\nx\n"
    assert list(load_entities(response_of(body), CSV, tuple_=tuple)) == [("x",)]
    with pytest.raises(EntityShapeError, match="CSV line 2: the row has 1 values"):
        list(load_entities(response_of(body), CSV, tuple_=lambda row: complex(*row, "")))


def test_an_error_of_the_tuple_function_itself_is_passed_on() -> None:
    def fail(row: list[str]) -> Any:
        raise TypeError("mine")

    with pytest.raises(TypeError, match="mine") as error:
        list(load_entities(response_of(b"ID\nx\n"), CSV, tuple_=fail))
    assert not isinstance(error.value, EntityShapeError)


def test_the_header_can_be_changed() -> None:
    (entity,) = load_entities(
        response_of(b"id, a \nx,1\n"),
        CSV,
        process_csv_header=lambda names: [name.strip().upper() for name in names],
    )
    assert entity.as_dict() == {"ID": "x", "A": "1"}


@pytest.mark.parametrize("streamed", [True, False])
def test_gzip_is_decoded(server: ByteServer, streamed: bool) -> None:
    body = gzip.compress("ID\nä\n".encode())
    url = server.serve("/gzip.csv", body, Content_Type=CSV, Content_Encoding="gzip")
    with requests.get(url, stream=streamed, timeout=5) as response:
        assert list(load_entities(response, CSV)) == [("ä",)]


@pytest.mark.parametrize(("mimetype", "line"), [(CSV, b"x,1\r\n"), (LINES, b"[1]\n")])
def test_a_streamed_response_is_read_only_as_far_as_needed(
    server: ByteServer, mimetype: str, line: bytes
) -> None:
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        yield b"ID,a\r\n" if mimetype == CSV else line
        while True:
            sent += 1
            yield line * 1000

    url = server.serve("/endless", endless)
    with requests.get(url, stream=True, timeout=5) as response:
        entities = load_entities(response, mimetype)
        assert [next(entities) for _ in range(10)]
    assert sent < 20_000  # what the sockets buffer, at most some MB


def test_a_long_streamed_csv_takes_constant_memory(server: ByteServer) -> None:
    def rows() -> Iterator[bytes]:
        yield b"ID,a\r\n"
        for _ in range(4000):
            yield b"x,0123456789012345678901234567890123456789\r\n" * 200

    url = server.serve("/long", rows)
    with requests.get(url, stream=True, timeout=5) as response:
        tracemalloc.start()
        count = sum(1 for _ in load_entities(response, CSV))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert count == 800_000
    assert peak < 3_000_000
