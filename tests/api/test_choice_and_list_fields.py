# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Fields for choices and lists: what they accept, show and write."""

from __future__ import annotations

from enum import Enum, IntEnum
from typing import Any

import marshmallow as ma
import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow.validate import OneOf

from qhana_plugin_runner.api import EnumField as EnumFieldOfApi
from qhana_plugin_runner.api.extra_fields import CSVList, EnumField, OneOfEnum


class Color(Enum):
    """Some choices."""

    red = "Red"
    dark_blue = "Dark blue"


class Number(IntEnum):
    """Choices whose values are numbers."""

    one = 1
    two = 2


class Form(ma.Schema):
    """A form with choices."""

    plain = EnumField(Color)
    optional = EnumField(Color, metadata={"options": {Color.red: "RED", "": "no choice"}})
    by_value = EnumField(Color, use_value=True)
    number = EnumField(Number, use_value=True)


def test_the_field_can_be_imported_from_both_documented_places() -> None:
    assert EnumFieldOfApi is EnumField


def test_a_member_is_loaded_by_its_name() -> None:
    assert Form().load({"plain": "dark_blue"}) == {"plain": Color.dark_blue}


@pytest.mark.parametrize("value", ["Red", "", "nothing", 1, [], {}, ["red"]])
def test_everything_that_is_no_name_is_no_valid_choice(value: Any) -> None:
    assert Form().validate({"plain": value}) == {"plain": ["Not a valid choice."]}


def test_the_empty_text_is_no_choice_if_the_options_contain_it() -> None:
    assert Form().load({"optional": ""}) == {"optional": None}


def test_a_member_is_loaded_by_its_value_if_the_field_says_so() -> None:
    loaded = Form().load({"by_value": "Dark blue", "number": 2})
    assert loaded == {"by_value": Color.dark_blue, "number": Number.two}


def test_a_form_sends_values_that_are_numbers_as_text() -> None:
    assert Form().load({"number": "2"}) == {"number": Number.two}


@pytest.mark.parametrize("value", ["Green", True, 3, None])
def test_an_unknown_value_is_an_error_of_the_field(value: Any) -> None:
    assert set(Form().validate({"number": value})) == {"number"}


def test_labels_are_the_values_unless_the_options_override_them() -> None:
    assert list(Form().fields["plain"].metadata["options"].items()) == [
        ("red", "Red"),
        ("dark_blue", "Dark blue"),
    ]
    assert list(Form().fields["optional"].metadata["options"].items()) == [
        ("", "no choice"),
        ("red", "RED"),
        ("dark_blue", "Dark blue"),
    ]


def test_options_are_found_by_name_too() -> None:
    field = EnumField(Color, metadata={"options": {"dark_blue": "navy"}})
    assert field.metadata["options"] == {"red": "Red", "dark_blue": "navy"}


def test_other_metadata_is_kept_and_the_given_mapping_is_not_changed() -> None:
    given_metadata = {"label": "Color", "options": {"": "none"}}
    field = EnumField(Color, metadata=given_metadata)
    assert field.metadata["label"] == "Color"
    assert given_metadata == {"label": "Color", "options": {"": "none"}}


def test_the_first_validator_is_one_of_the_members() -> None:
    validator = EnumField(Color, validate=lambda color: True).validators[0]
    assert isinstance(validator, OneOf)
    assert isinstance(validator, OneOfEnum)
    assert list(validator.choices) == list(Color)


def test_a_validator_of_the_plugin_runs_as_well() -> None:
    def refuse_red(color: Color) -> None:
        if color is Color.red:
            raise ma.ValidationError("Too red.")

    schema = ma.Schema.from_dict({"color": EnumField(Color, validate=refuse_red)})()
    assert schema.validate({"color": "red"}) == {"color": ["Too red."]}


@given(
    plain=st.sampled_from(Color),
    optional=st.none() | st.sampled_from(Color),
    by_value=st.sampled_from(Color),
    number=st.sampled_from(Number),
)
def test_what_was_dumped_can_be_loaded(**values: Any) -> None:
    text = Form().dumps(values)
    assert Form().loads(text) == values


def test_a_member_is_dumped_by_name_in_both_modes() -> None:
    dumped = Form().dump({"plain": Color.red, "by_value": Color.dark_blue})
    assert dumped == {"plain": "red", "by_value": "dark_blue"}


class Lists(ma.Schema):
    """Lists of several kinds."""

    texts = CSVList()
    numbers = CSVList(element_type=ma.fields.Integer)
    instance = CSVList(element_type=ma.fields.Float(), allow_none=True)


def test_a_text_with_commas_is_a_list() -> None:
    loaded = Lists().load({"texts": "a,b", "numbers": "1, 2,3"})
    assert loaded == {"texts": ["a", "b"], "numbers": [1, 2, 3]}
    assert Lists().dump(loaded) == {"texts": "a,b", "numbers": "1,2,3"}


def test_the_empty_text_is_the_empty_list() -> None:
    assert Lists().load({"texts": ""}) == {"texts": []}


def test_blanks_belong_to_texts() -> None:
    assert Lists().load({"texts": "a, b"}) == {"texts": ["a", " b"]}


@pytest.mark.parametrize(
    ("text", "elements"),
    [
        ('"a,b",c', ["a,b", "c"]),
        ('""', [""]),
        ('a"b,c', ['a"b', "c"]),
        ('"open,c', ['"open', "c"]),
        ('"a"b,c', ['"a"b', "c"]),
        (",", ["", ""]),
        ("a\nb,c", ["a\nb", "c"]),
    ],
)
def test_quotes_count_only_around_a_whole_element(text: str, elements: list[str]) -> None:
    assert Lists().load({"texts": text}) == {"texts": elements}


def test_a_wrong_element_is_named() -> None:
    errors = Lists().validate({"numbers": "1,x"})
    assert errors == {"numbers": ["'x': Not a valid integer."]}


def test_none_is_dumped_as_null() -> None:
    assert Lists().dump({"instance": None}) == {"instance": None}
    assert Lists().load({"instance": None}) == {"instance": None}


def test_a_json_list_is_accepted_other_values_are_not() -> None:
    assert Lists().load({"numbers": ["1", 2]}) == {"numbers": [1, 2]}
    assert Lists().validate({"numbers": 3}) == {"numbers": ["Not a valid list."]}


@given(st.lists(st.text()))
def test_every_list_of_texts_survives_a_round_trip(texts: list[str]) -> None:
    assert Lists().loads(Lists().dumps({"texts": texts})) == {"texts": texts}


@given(st.lists(st.integers()))
def test_every_list_of_numbers_survives_a_round_trip(numbers: list[int]) -> None:
    assert Lists().loads(Lists().dumps({"numbers": numbers})) == {"numbers": numbers}
