# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import csv
import gc
from collections import namedtuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from qhana_plugin_runner.plugin_utils.entity_marshalling import (
    EntityTupleMixin,
    ensure_dict,
    ensure_tuple,
    entity_attribute_sort_key,
    get_entity_tuple_class,
)

NAMES = ("ID", "href", "class", "two words", "ID", "_x", "get")


def test_a_class_is_a_named_tuple_with_original_names() -> None:
    class_ = get_entity_tuple_class(NAMES)
    assert class_.__name__ == "Entity"
    assert issubclass(class_, EntityTupleMixin)
    assert issubclass(class_, tuple)
    assert class_.entity_attributes == NAMES
    assert class_._fields == ("ID", "href", "_2", "_3", "_4", "_5", "get")


def test_invalid_names_are_reached_by_name_and_position() -> None:
    entity = get_entity_tuple_class(NAMES)._make(range(7))
    assert (entity.ID, entity.href, entity._2) == (0, 1, 2)
    assert entity.get("two words") == 3
    assert entity.get("get") == 6
    assert entity.get("unknown") is None
    assert entity.get("unknown", 5) == 5
    assert entity.get(3) == 3
    assert entity.get(-1) == 6
    with pytest.raises(IndexError):
        entity.get(7)


def test_the_same_arguments_give_the_same_class() -> None:
    class_ = get_entity_tuple_class(["ID", "a"])
    assert get_entity_tuple_class(("ID", "a")) is class_
    assert get_entity_tuple_class(("ID", "a"), "Entity") is class_
    assert get_entity_tuple_class(("ID", "a"), "Other") is not class_
    assert get_entity_tuple_class(("a", "ID")) is not class_


def test_classes_that_nobody_holds_are_forgotten() -> None:
    def entity_classes() -> int:
        gc.collect()
        return sum(1 for c in EntityTupleMixin.__subclasses__() if c.__name__ == "Many")

    for i in range(100):
        get_entity_tuple_class(("ID", f"a{i}"), "Many")
    assert entity_classes() == 0


def test_no_attributes_are_refused() -> None:
    with pytest.raises(AssertionError):
        get_entity_tuple_class(())


def test_from_dict_fills_gaps_and_ignores_the_rest() -> None:
    class_ = get_entity_tuple_class(("ID", "cls", "self"))
    entity = class_.from_dict(ID="x", cls=1, other=2)
    assert entity == ("x", 1, None)
    assert entity.as_dict() == {"ID": "x", "cls": 1, "self": None}


def test_from_iter_needs_the_right_number_of_values() -> None:
    class_ = get_entity_tuple_class(("ID", "a"))
    assert class_.from_iter(iter("xy")) == ("x", "y")
    with pytest.raises(TypeError):
        class_.from_iter("xyz")


@given(st.lists(st.text(), min_size=1, unique=True))
@example(["a", "ª", "ﬁ", "fi", "𝐢𝐟", "if", "ﬁ "])
def test_any_attribute_names_survive_as_dict(names: list[str]) -> None:
    class_ = get_entity_tuple_class(names)
    values = {name: i for i, name in enumerate(names)}
    assert class_.from_dict(**values).as_dict() == values
    assert all(class_.from_dict(**values).get(name) == i for name, i in values.items())


def test_ensure_dict_passes_dicts_on_and_unpacks_tuples() -> None:
    entity = {"ID": "a"}
    with_names = get_entity_tuple_class(("ID", "a b"))("x", 1)
    plain = namedtuple("Plain", ("ID", "b"))("y", 2)
    first, second, third = ensure_dict([entity, with_names, plain])
    assert first is entity
    assert second == {"ID": "x", "a b": 1}
    assert third == {"ID": "y", "b": 2}
    with pytest.raises(AttributeError):
        list(ensure_dict([("a", "b")]))


def test_ensure_tuple_is_lenient_with_entity_classes_only() -> None:
    class_ = get_entity_tuple_class(("ID", "a"))
    plain = namedtuple("Plain", ("ID", "a"))
    given_tuple = ("some", "thing", "else")
    assert list(ensure_tuple([{"ID": "x", "b": 1}, given_tuple], class_)) == [
        ("x", None),
        given_tuple,
    ]
    assert list(ensure_tuple([{"a": 1, "ID": "x"}], plain)) == [("x", 1)]
    for wrong in ({"ID": "x"}, {"ID": "x", "a": 1, "b": 2}):
        with pytest.raises(TypeError):
            list(ensure_tuple([wrong], plain))
    with pytest.raises(TypeError):
        list(ensure_tuple([{"ID": "x"}], lambda **kw: kw))  # type: ignore[arg-type]


def test_reserved_attribute_names_sort_first() -> None:
    names = ["z", "target", "a", "href", "GRAPH_ID", "ID", "relations", "source"]
    assert sorted(names, key=entity_attribute_sort_key) == [
        "GRAPH_ID",
        "ID",
        "href",
        "relations",
        "source",
        "target",
        "a",
        "z",
    ]
    assert entity_attribute_sort_key("ID") == (0, "ID")
    assert entity_attribute_sort_key("entities") == (1, "entities")
    assert entity_attribute_sort_key("x") == (2, "x")


def test_the_csv_dialect_is_registered() -> None:
    dialect = csv.get_dialect("default")
    assert (dialect.delimiter, dialect.quotechar) == (",", '"')
    assert dialect.lineterminator == "\r\n"
    assert dialect.quoting == csv.QUOTE_ALL
    assert dialect.doublequote
    assert not dialect.strict
    assert not dialect.skipinitialspace
    assert dialect.escapechar is None
