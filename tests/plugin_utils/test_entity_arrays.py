# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math
from collections import namedtuple
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qhana_plugin_runner.plugin_utils.entity_marshalling import (
    ArrayEntity,
    array_to_entity,
    ensure_array,
    get_entity_tuple_class,
)


def test_dict_values_are_ordered_by_name_and_the_dict_stays_as_it_is() -> None:
    entity = {"b": "2", "href": "http://x", "a": 1, "ID": "i", "B": 3.5}
    before = dict(entity)
    assert list(ensure_array([entity])) == [ArrayEntity("i", "http://x", (3.5, 1, 2))]
    assert entity == before


def test_a_dict_needs_an_id_but_no_href() -> None:
    assert next(ensure_array([{"ID": "i", "a": 1}])) == ("i", None, (1,))
    with pytest.raises(KeyError):
        next(ensure_array([{"a": 1}]))


def test_tuple_values_keep_their_order() -> None:
    with_href = get_entity_tuple_class(("ID", "href", "b", "a"))("i", "h", 2, "1")
    without = get_entity_tuple_class(("ID", "b", "a"))("i", 2, "1")
    plain = namedtuple("Plain", ("id", "b"))("j", "3")
    assert list(ensure_array([with_href, without, plain, ("k", "4", "5")])) == [
        ("i", "h", (2, 1)),
        ("i", None, (2, 1)),
        ("j", None, (3,)),
        ("k", None, (4, 5)),
    ]


def test_id_and_href_are_found_wherever_they_stand() -> None:
    class_ = get_entity_tuple_class(("a", "ID", "b", "href"))
    assert next(ensure_array([class_(1, "i", 2, "h")])) == ("i", "h", (1, 2))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (3, 3),
        (2.5, 2.5),
        (True, True),
        ("12", 12),
        ("-3", -3.0),
        ("1e3", 1000.0),
        ("inf", math.inf),
        (" 1.5 ", 1.5),
        ("", None),
        ("  ", None),
        ("x", None),
        (None, None),
    ],
)
def test_values_become_numbers(value: Any, expected: Any) -> None:
    (number,) = next(ensure_array([{"ID": "i", "a": value}])).values
    assert number == expected
    assert type(number) is type(expected)


def test_nan_is_a_number() -> None:
    assert math.isnan(next(ensure_array([("i", "nan")], strict=True)).values[0])


@pytest.mark.parametrize("value", [None, "", " ", "x"])
def test_strict_refuses_values_that_are_no_numbers(value: Any) -> None:
    with pytest.raises(ValueError, match="Array entity values must not be None!"):
        next(ensure_array([("i", value)], strict=True))


def test_a_list_is_no_value() -> None:
    with pytest.raises(AttributeError):
        next(ensure_array([("i", [1])]))


@pytest.mark.parametrize(
    ("dimensions", "first", "last"),
    [(1, "dim0", "dim0"), (9, "dim0", "dim8"), (10, "dim00", "dim09")],
)
def test_dimension_names_are_padded_to_the_digits_of_the_dimension(
    dimensions: int, first: str, last: str
) -> None:
    (entity,) = array_to_entity([ArrayEntity("i", "h", range(dimensions))])
    names = type(entity).entity_attributes
    assert names[:3] == ("ID", "href", first)
    assert names[-1] == last
    assert type(entity).__name__ == "ArrayEntity"
    assert entity == ("i", "h", *range(dimensions))


def test_prefix_suffix_and_tuple_function_are_used() -> None:
    items = [ArrayEntity("i", None, [1, 2])]
    (entity,) = array_to_entity(items, prefix="x_", suffix="!")
    assert type(entity).entity_attributes == ("ID", "href", "x_0!", "x_1!")
    assert list(array_to_entity(items, tuple_=list)) == [["i", None, 1, 2]]


def test_no_arrays_give_no_entities() -> None:
    assert list(array_to_entity([])) == []


def test_arrays_of_different_length_are_refused() -> None:
    items = array_to_entity([ArrayEntity("i", None, [1]), ArrayEntity("j", None, [1, 2])])
    next(items)
    with pytest.raises(TypeError):
        next(items)


@given(st.lists(st.floats(allow_nan=False), min_size=1, max_size=120))
def test_arrays_survive_the_way_through_dicts_and_text(values: list[float]) -> None:
    (entity,) = array_to_entity([ArrayEntity("i", "h", values)])
    as_text = {name: str(value) for name, value in entity.as_dict().items()}
    assert next(ensure_array([as_text])) == ("i", "h", tuple(values))
