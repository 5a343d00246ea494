# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import re
from collections import namedtuple
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest

from entity_sources import saved
from qhana_plugin_runner.errors import EntityShapeError
from qhana_plugin_runner.plugin_utils.entity_marshalling import (
    get_entity_tuple_class,
    save_entities,
)

JSON = "application/json"
LINES = "application/X-lines+json"
CSV = "text/csv"


def test_json_is_one_compact_ascii_array() -> None:
    entities = [{"ID": "ä", "n": 1.5}, get_entity_tuple_class(("ID", "n"))("b", None)]
    text = saved(entities, JSON)
    assert text == '[{"ID":"\\u00e4","n":1.5},{"ID":"b","n":null}]\n'


@pytest.mark.parametrize("count", [0, 1, 255, 256, 257, 1000])
def test_json_is_the_same_as_if_it_was_written_at_once(count: int) -> None:
    entities = [{"ID": str(i)} for i in range(count)]
    at_once = json.dumps(entities, separators=(",", ":")) + "\n"
    assert saved(iter(entities), JSON) == at_once


def test_json_is_written_while_entities_arrive() -> None:
    file_ = StringIO()
    written: list[int] = []

    def entities() -> Iterator[dict[str, Any]]:
        for i in range(2000):
            written.append(file_.tell())
            yield {"ID": str(i)}

    save_entities(entities(), file_, JSON)
    assert 0 < written[1000] < written[-1]


def test_json_lines_are_one_object_per_line() -> None:
    text = saved([{"ID": "a", "n": [1, 2]}, {"ID": "ä"}], LINES)
    assert text == '{"ID": "a", "n": [1, 2]}\n{"ID": "\\u00e4"}\n'


@pytest.mark.parametrize("mimetype", [JSON, LINES])
def test_floats_without_a_json_spelling_are_written_like_python_reads_them(
    mimetype: str,
) -> None:
    text = saved([{"a": float("nan"), "b": float("inf"), "c": float("-inf")}], mimetype)
    values = json.loads(text.strip().strip("[]"))
    assert str(values) == "{'a': nan, 'b': inf, 'c': -inf}"


@pytest.mark.parametrize("mimetype", [JSON, LINES])
def test_sets_are_no_json(mimetype: str) -> None:
    with pytest.raises(TypeError):
        saved([{"ID": {1}}], mimetype)


def test_csv_quotes_everything() -> None:
    row = {"ID": 'a"b', "n": None, "f": 0.1, "t": True}
    text = saved([row], CSV, attributes=["ID", "n", "f", "t"])
    assert text == '"ID","n","f","t"\r\n"a""b","","0.1","True"\r\n'


def test_csv_needs_attributes() -> None:
    with pytest.raises(ValueError, match="attributes"):
        saved([], CSV)


@pytest.mark.parametrize("mimetype", ["text/csv; charset=utf-8", "TEXT/CSV"])
def test_parameters_and_case_of_the_content_type_do_not_matter(mimetype: str) -> None:
    assert saved([], mimetype, attributes=["ID"]) == '"ID"\r\n'


def test_other_content_types_are_refused() -> None:
    message = "Saving entities to text/plain files is not implemented!"
    with pytest.raises(ValueError, match=message):
        saved([], "text/plain")


def test_any_attribute_names_and_missing_values_can_be_saved() -> None:
    attributes = ["ID", "two words", "class", "1"]
    rows = [{"1": 1, "ID": "a", "class": "c", "two words": 2}, {"class": "d"}]
    text = saved(rows, CSV, attributes=attributes)
    assert text.splitlines()[1:] == ['"a","2","c","1"', '"","","d",""']


@pytest.mark.parametrize("error", [TypeError, ValueError, EntityShapeError])
def test_unknown_attributes_are_refused_by_name(error: type[Exception]) -> None:
    with pytest.raises(error, match="Entity 2 cannot be saved: 'b' is not among"):
        saved([{"ID": 1}, {"ID": 2, "b": 3}], CSV, attributes=["ID"])


def test_a_single_attribute_is_not_split_into_letters() -> None:
    assert saved([{"ID": "abc"}], CSV, attributes=["ID"]) == '"ID"\r\n"abc"\r\n'


def test_tuples_are_written_as_they_are() -> None:
    plain = namedtuple("Plain", ("b", "ID"))
    rows = [plain(1, 2), ("x",), {"ID": "i", "b": 3}]
    text = saved(rows, CSV, attributes=["ID", "b"])
    assert text.splitlines()[1:] == ['"1","2"', '"x"', '"i","3"']


def test_a_tuple_class_decides_about_dicts() -> None:
    lenient = get_entity_tuple_class(("ID", "b"))
    row = {"ID": "i", "other": 1}
    text = saved([row], CSV, attributes=["ID", "b"], tuple_=lenient)
    assert text.splitlines()[1] == '"i",""'
    strict = namedtuple("Strict", ("ID", "b"))
    with pytest.raises(TypeError):
        saved([row], CSV, attributes=["ID", "b"], tuple_=strict)


def test_other_dialects_can_be_used() -> None:
    text = saved([("a", "b c")], CSV, attributes=["ID", "x"], csv_dialect="excel-tab")
    assert text == "ID\tx\r\na\tb c\r\n"


def test_the_file_is_not_closed() -> None:
    file_ = StringIO()
    save_entities([], file_, JSON)
    assert not file_.closed
    assert file_.getvalue() == "[]\n"


@pytest.mark.parametrize("mimetype", ["application/json", "application/X-lines+json"])
def test_a_row_that_is_used_again_is_read_when_it_comes(mimetype: str) -> None:
    class Row:
        number = 0

        def _asdict(self) -> dict[str, int]:
            return {"number": self.number}

    def rows() -> Iterator[Row]:
        row = Row()
        for row.number in range(3):
            yield row

    file_ = StringIO()
    save_entities(rows(), file_, mimetype)
    numbers = [int(digits) for digits in re.findall(r"\d+", file_.getvalue())]
    assert numbers == [0, 1, 2]
