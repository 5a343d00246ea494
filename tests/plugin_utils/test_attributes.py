# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entity_sources import response_of, saved
from qhana_plugin_runner.plugin_utils import attribute_values
from qhana_plugin_runner.plugin_utils.attributes import (
    CONSIDERED_FALSE,
    CONSIDERED_TRUE,
    DESERIALIZER_MAP,
    SERIALIZER_MAP,
    AttributeMetadata,
    default_serialize,
    dict_deserializer,
    dict_serializer,
    parse_attribute_metadata,
    parse_bool,
    parse_multi,
    parse_optional_value,
    serialize_multi,
    tuple_deserializer,
    tuple_serializer,
)
from qhana_plugin_runner.plugin_utils.entity_marshalling import (
    ensure_dict,
    load_entities,
)


def metadata(attribute_type: str = "string", **kwargs: Any) -> AttributeMetadata:
    return AttributeMetadata("a", attribute_type, "A", **kwargs)


@pytest.fixture
def registered_types() -> Iterator[None]:
    before = dict(SERIALIZER_MAP), dict(DESERIALIZER_MAP)
    yield
    SERIALIZER_MAP.clear()
    DESERIALIZER_MAP.clear()
    SERIALIZER_MAP.update(before[0])
    DESERIALIZER_MAP.update(before[1])


def test_the_positional_order_is_fixed() -> None:
    args = ("i", "t", "T", "d", True, True, "|", "r", "s", {"x": 1})
    m = AttributeMetadata(*args)
    assert (m.ID, m.attribute_type, m.title, m.description) == args[:4]
    assert (m.multiple, m.ordered, m.separator) == (True, True, "|")
    assert (m.ref_target, m.schema, m.extra) == ("r", "s", {"x": 1})


def test_the_defaults_are_those_of_the_data_model() -> None:
    m = AttributeMetadata.from_dict({"ID": "a", "type": "int"})
    assert m == AttributeMetadata("a", "int", "a", "", False, False, ";", None, None, {})


def test_all_serialized_keys_are_read_and_written() -> None:
    entity = {
        "more": 1,
        "ID": "a",
        "type": "ref",
        "title": "A",
        "description": "text",
        "multiple": True,
        "ordered": True,
        "separator": "|",
        "refTarget": "entities.json",
        "schema": "http://example.org/schema",
    }
    m = AttributeMetadata.from_dict(entity)
    assert (m.attribute_type, m.ref_target, m.extra) == (
        "ref",
        "entities.json",
        {"more": 1},
    )
    assert m.to_dict() == entity
    assert list(m.to_dict()) == list(entity)


def test_known_keys_are_written_even_if_nothing_is_known() -> None:
    assert AttributeMetadata("a", "int", "a").to_dict() == {
        "ID": "a",
        "type": "int",
        "title": "a",
        "description": "",
        "multiple": False,
        "ordered": False,
        "separator": ";",
        "refTarget": None,
        "schema": None,
    }


def test_missing_id_and_type_are_errors() -> None:
    with pytest.raises(KeyError):
        AttributeMetadata.from_dict({"type": "int"})
    with pytest.raises(TypeError):
        AttributeMetadata.from_dict({"ID": "a"})


def test_empty_csv_cells_mean_the_default() -> None:
    cells = {"ID": "a", "type": "int", "multiple": "", "ordered": "", "separator": ""}
    m = AttributeMetadata.from_dict(cells)
    assert (m.multiple, m.ordered, m.separator) == (False, False, ";")


def test_truth_values_of_metadata_are_read_from_text() -> None:
    cells = {"ID": "a", "type": "int", "multiple": "Yes", "ordered": "false"}
    m = AttributeMetadata.from_dict(cells)
    assert (m.multiple, m.ordered) == (True, False)
    with pytest.raises(ValueError, match="maybe"):
        AttributeMetadata.from_dict({**cells, "multiple": "maybe"})


@pytest.mark.parametrize("mimetype", ["text/csv", "application/json"])
def test_metadata_survives_as_entities(mimetype: str) -> None:
    known = [metadata(), metadata("int", multiple=True, ordered=True, separator="|")]
    rows = [m.to_dict() for m in known]
    text = saved(rows, mimetype, attributes=list(rows[0]))
    entities = ensure_dict(load_entities(response_of(text.encode()), mimetype))
    parsed = parse_attribute_metadata(entities)
    assert list(parsed) == ["a"]
    assert (parsed["a"].multiple, parsed["a"].separator) == (True, "|")


@pytest.mark.parametrize("word", ["1", "true", "t", "yes", "y", "on"])
def test_words_for_true(word: str) -> None:
    assert parse_bool(f" {word.upper()} ") is True
    assert word in CONSIDERED_TRUE


@pytest.mark.parametrize(
    "word", ["0", "false", "f", "no", "n", "off", "null", "nil", "none"]
)
def test_words_for_false(word: str) -> None:
    assert parse_bool(f"\t{word.title()}") is False
    assert word in CONSIDERED_FALSE


def test_other_words_are_no_truth_values() -> None:
    assert parse_bool(True) is True
    for word in ("", "2", "ja"):
        with pytest.raises(ValueError):
            parse_bool(word)
    with pytest.raises(AttributeError):
        parse_bool(1)  # type: ignore[arg-type]


def test_optional_values_may_be_empty() -> None:
    assert parse_optional_value("", int) is None
    assert parse_optional_value(None, int) is None
    assert parse_optional_value("3", int) == 3


def test_multiple_values_are_split_or_taken_one_by_one() -> None:
    assert parse_multi("", int) == []
    assert parse_multi("1;2", int) == [1, 2]
    assert parse_multi("1|2|1", int, "|", set) == {1, 2}
    assert parse_multi(("1", "2"), int) == [1, 2]
    for value in (None, {1}):
        with pytest.raises(ValueError):
            parse_multi(value, int)


def test_scalars_become_text() -> None:
    values = ["a", "", True, 3, 0.1, None, 1j]
    texts = ["a", "", "True", "3", "0.1", "", "1j"]
    assert list(map(default_serialize, values)) == texts
    assert serialize_multi([1, None, "x"], default_serialize) == "1;;x"
    assert serialize_multi(None, default_serialize) == ""
    assert serialize_multi([1, 2], default_serialize, "|") == "1|2"


@pytest.mark.parametrize(
    ("type_", "text", "value"),
    [
        ("string", "x", "x"),
        ("str", "", ""),
        ("unheard-of", "x", "x"),
        ("integer", "3", 3),
        ("int", "", None),
        ("float", "1.5", 1.5),
        ("double", "-1e3", -1000.0),
        ("number", None, None),
        ("bool", "off", False),
        ("boolean", "True", True),
        ("boolean", "", None),
        ("bool", None, None),
    ],
)
def test_scalars_are_read_by_type(type_: str, text: str | None, value: Any) -> None:
    assert tuple_deserializer(["a"], {"a": metadata(type_)})([text]) == (value,)
    assert dict_deserializer(["a"], {"a": metadata(type_)})({"a": text}) == {"a": value}


def test_an_integer_is_no_float() -> None:
    with pytest.raises(ValueError):
        tuple_deserializer(["a"], {"a": metadata("int")})(["1.0"])


@pytest.mark.parametrize(
    ("ordered", "text", "value"),
    [
        (True, "1;2;1", [1, 2, 1]),
        (False, "1;2;1", {1, 2}),
        (True, "", []),
        (False, "", set()),
        (True, None, []),
        (True, [1, "2"], [1, 2]),
        (False, {1, 2}, {1, 2}),
        (True, "1;;2", [1, None, 2]),
    ],
)
def test_multiple_values_become_lists_or_sets(
    ordered: bool, text: Any, value: Any
) -> None:
    known = {"a": metadata("int", multiple=True, ordered=ordered)}
    assert tuple_deserializer(["a"], known)([text]) == (value,)


def test_an_empty_separator_is_the_default_one() -> None:
    known = {"a": metadata("int", multiple=True, ordered=True, separator="")}
    assert tuple_deserializer(["a"], known)(["1;2"]) == ([1, 2],)
    assert tuple_serializer(["a"], known)([[1, 2]]) == ("1;2",)


def test_tuples_are_converted_by_position_up_to_the_shorter() -> None:
    read = tuple_deserializer(["b", "a"], {"a": metadata("int")}, tuple_=list)
    assert read(("1", "2", "3")) == ["1", 2]
    assert read(("1",)) == ["1"]


def test_dicts_are_changed_in_place_or_copied() -> None:
    known = {"a": metadata("int")}
    entity = {"a": "1"}
    assert dict_deserializer(["a", "b"], known)(entity) is entity
    assert entity == {"a": 1}
    copy = dict_serializer(["a", "b"], known, in_place=False)(entity)
    assert copy == {"a": "1"}
    assert entity == {"a": 1}


@pytest.mark.parametrize("build", [dict_serializer, dict_deserializer])
def test_unknown_keys_of_dicts_are_errors(build: Any) -> None:
    with pytest.raises(KeyError):
        build(["a"], {})({"b": "1"})


def test_plugins_can_register_types(registered_types: None) -> None:
    assert SERIALIZER_MAP is attribute_values.SERIALIZER_MAP
    DESERIALIZER_MAP["hex"] = lambda text: int(text, 16)
    SERIALIZER_MAP["hex"] = hex
    known = {"a": metadata("hex", multiple=True, ordered=True)}
    assert tuple_deserializer(["a"], known)(["0xff;0x1"]) == ([255, 1],)
    assert tuple_serializer(["a"], known)([[255, 1]]) == ("0xff;0x1",)


WORDS = st.text(min_size=1).filter(lambda text: ";" not in text)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
ENTITIES = st.fixed_dictionaries(
    {
        "ID": st.text(),
        "href": st.text(),
        "i": st.none() | st.integers(),
        "f": st.none() | FLOATS,
        "b": st.none() | st.booleans(),
        "s": st.text(),
        "list": st.lists(WORDS),
        "set": st.sets(st.integers()),
        "unknown": st.text(),
    }
)
KNOWN = {
    "i": metadata("integer"),
    "f": metadata("number"),
    "b": metadata("boolean"),
    "list": metadata("string", multiple=True, ordered=True),
    "set": metadata("int", multiple=True),
}


@given(ENTITIES)
def test_entities_survive_as_text(entity: dict[str, Any]) -> None:
    names = list(entity)
    texts = dict_serializer(names, KNOWN, in_place=False)(entity)
    assert all(isinstance(text, str) for text in texts.values())
    assert (texts["ID"], texts["href"]) == (entity["ID"], entity["href"])
    assert dict_deserializer(names, KNOWN)(texts) == entity
    values = tuple(entity.values())
    row = tuple_serializer(names, KNOWN)(values)
    assert tuple_deserializer(names, KNOWN)(row) == values
