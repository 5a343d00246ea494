# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Tables of numbers, and the sentences about files that are none."""

from __future__ import annotations

import csv
import json
import math
from io import BytesIO, StringIO

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from qhana_plugin_runner.errors import TableError
from qhana_plugin_runner.plugin_utils.numeric_table import (
    NumericTable,
    load_numeric_table,
)
from qhana_plugin_runner.plugin_utils.table_rows import load_table_rows

CSV = "text/csv; charset=utf-8"
JSON = "application/json"
LINES = "application/X-lines+json"


def response(content: str | bytes) -> requests.Response:
    """A streamed response with that body."""
    answer = requests.Response()
    answer.status_code = 200
    answer.raw = BytesIO(content.encode() if isinstance(content, str) else content)
    return answer


def load(content: str | bytes, mimetype: str = CSV, *attributes: str) -> NumericTable:
    return load_numeric_table(response(content), mimetype, attributes)


def problem(content: str | bytes, mimetype: str = CSV, *attributes: str) -> str:
    with pytest.raises(ValueError) as caught:
        load(content, mimetype, *attributes)
    return str(caught.value)


def test_reads_csv_in_the_order_of_its_header():
    table = load("ID,href,b,a\nx,http://x,1,2.5\ny,,-3e2, 4 \n")
    assert table.ids == ("x", "y")
    assert table.hrefs == ("http://x", "")
    assert table.attributes == ("b", "a")
    assert list(table.rows()) == [(1.0, 2.5), (-300.0, 4.0)]
    assert len(table) == 2


def test_orders_json_attributes_by_name():
    content = json.dumps([{"b": 1, "ID": "x", "a": 2}, {"ID": "y", "a": 3, "b": 4}])
    table = load(content, JSON)
    assert table.attributes == ("a", "b")
    assert list(table.rows()) == [(2.0, 1.0), (3.0, 4.0)]
    assert table.hrefs == ("", "")


def test_reads_json_lines():
    table = load('{"ID": 1, "a": 2}\n\n{"ID": 2, "a": 3}\n', LINES)
    assert table.ids == ("1", "2")
    assert list(table.columns[0]) == [2.0, 3.0]


def test_leaves_out_attributes_without_any_number():
    table = load("ID,species,a,note\nx,setosa,1,\ny,virginica,2,\n")
    assert table.attributes == ("a",)
    assert table.left_out == ("species", "note")


def test_chosen_attributes_decide_about_columns_and_order():
    table = load("ID,a,b,c\nx,1,2,text\n", CSV, "b", "a")
    assert table.attributes == ("b", "a")
    assert list(table.rows()) == [(2.0, 1.0)]


def test_chosen_attributes_are_taken_as_people_type_them():
    assert load("ID,a,b\nx,1,2\n", CSV, " b \n a", "", "a").attributes == ("b", "a")


def test_lists_of_numbers_become_several_columns():
    rows = [{"ID": i, "v": list(range(i, i + 11)), "w": i} for i in range(2)]
    table = load(json.dumps(rows), JSON)
    assert table.attributes == tuple(f"v_{i:02}" for i in range(11)) + ("w",)
    assert [row[10] for row in table.rows()] == [10.0, 11.0]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("5.1,3.5,setosa\n4.9,3.0,setosa\n", "Row 1, column 1: found the number '5.1'"),
        ("a,b\n1,2\n", "Row 1, column 'ID': there is no such attribute"),
        ("ID,a,a\nx,1,2\n", "Row 1, column 3: the attribute 'a' appears twice"),
        ("ID,a,b\nx,1,2\ny,3,oops\n", "Row 3, column 'b': 'oops' is not a number"),
        ("ID,a\nx,oops\ny,3\n", "Row 2, column 'a': 'oops' is not a number"),
        ("ID,a\nx,1\ny,\n", "Row 3, column 'a': the cell is empty"),
        ("ID,a\nx,1\ny,nan\n", "Row 3, column 'a': 'nan' is not a finite number"),
        ("ID,a\nx,1\ny,1_000\n", "Row 3, column 'a': '1_000' is not a number"),
        ("ID,a\nx,1\nx,2\n", "Row 3, column 'ID': 'x' is the ID of row 2 already"),
        ("ID,a\n,1\n", "Row 2, column 'ID': the cell is empty"),
        ("ID,a\n", "Row 2 is missing: the file holds no entities"),
        ("ID,href\nx,\n", "Row 1: the only columns are 'ID' and 'href'"),
        ("ID,a\nx,red\n", "none of the columns 'a' holds a single number"),
    ],
)
def test_names_row_and_column_of_a_csv_file_that_cannot_be_used(content, expected):
    assert expected in problem(content)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([], "Row 1, column 'ID' is missing"),
        ([1, 2], "Row 1: found '1' instead of an object"),
        ([{"a": 1}], "Row 1, column 'ID': there is no such attribute"),
        ([{"ID": "x", "a": True}], "Rows 1 and following: none of the columns 'a'"),
        ([{"ID": "x", "a": 1}, {"ID": "y"}], "Row 2, column 'a': the cell is missing"),
        (
            [{"ID": "x", "a": 1}, {"ID": "y", "a": 1, "b": 2}],
            "Row 2, column 'b': the rows before have no such attribute",
        ),
        (
            [{"ID": "x", "a": [1, 2]}, {"ID": "y", "a": [1]}],
            "Row 2, column 'a': found a list of 1 numbers",
        ),
        (
            [{"ID": "x", "a": 1}, {"ID": "y", "a": {"b": 1}}],
            "Row 2, column 'a': '{'b': 1}' is not a number",
        ),
        (
            [{"ID": "x", "a": 1}, {"ID": "y", "a": 10**400}],
            "Row 2, column 'a': '1000",
        ),
        ([{"ID": "x", "a": 1}, {"ID": "y", "a": []}], "Row 2, column 'a': the list is"),
    ],
)
def test_names_row_and_column_of_a_json_file_that_cannot_be_used(rows, expected):
    assert expected in problem(json.dumps(rows), JSON)


@pytest.mark.parametrize("mimetype", [CSV, JSON, LINES])
def test_empty_file_is_an_error(mimetype):
    assert problem("", mimetype)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("ID,a,b\nx,1,2\ny,3\n", ("line 3", "'b' is missing")),
        ("ID,a\nx,1\ny,2,3\n", ("line 3", "column 3")),
        ("ID,näme\nx,1\n".encode("latin-1"), ("Line 1", "not valid utf-8")),
    ],
)
def test_names_the_place_of_malformed_csv(content, expected):
    message = problem(content)
    assert all(part in message for part in expected), message


def test_unknown_attribute_names_those_there_are():
    message = problem("ID,a,b\nx,1,2\n", CSV, "a", "c")
    assert message == (
        "Row 1, column 'c': there is no such attribute. Attributes of this row: "
        "'ID', 'a', 'b'."
    )


def test_chosen_text_attribute_is_an_error():
    assert "Row 2, column 'species'" in problem("ID,species,a\nx,s,1\n", CSV, "species")


def test_long_values_are_shortened_in_messages():
    assert len(problem(f"ID,a\nx,1\ny,{'z' * 10_000}\n")) < 300


def test_errors_are_table_errors_with_status_422():
    with pytest.raises(TableError) as caught:
        load("ID,a\n")
    assert caught.value.http_status == 422


def test_rows_come_with_their_number_and_all_attributes():
    rows = list(load_table_rows(response("ID,label\nx,0\ny,1\n"), CSV, ["label"]))
    assert [(number, dict(row)) for number, row in rows] == [
        (2, {"ID": "x", "label": "0"}),
        (3, {"ID": "y", "label": "1"}),
    ]


def test_rows_are_read_as_a_stream():
    header, row = b"ID,a\n", b"%d,1\n"
    body = header + b"".join(row % number for number in range(100_000))
    answer = response(body)
    assert next(iter(load_table_rows(answer, CSV)))[0] == 2
    assert answer.raw.tell() < len(body)


finite = st.floats(allow_nan=False, allow_infinity=False)


@given(
    st.integers(1, 5).flatmap(
        lambda width: st.lists(
            st.lists(finite, min_size=width, max_size=width), min_size=1, max_size=20
        )
    )
)
def test_numbers_survive_csv_exactly(vectors):
    names = [f"dim{number}" for number in range(len(vectors[0]))]
    text = StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(["ID", *names])
    writer.writerows([number, *vector] for number, vector in enumerate(vectors))
    table = load(text.getvalue())
    assert table.attributes == tuple(names)
    for read, written in zip(table.rows(), vectors, strict=True):
        assert list(read) == written
        assert [math.copysign(1, n) for n in read] == [
            math.copysign(1, n) for n in written
        ]
