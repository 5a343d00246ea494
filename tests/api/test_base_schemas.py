# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The base schemas: names, order, errors as a result, text that cannot be stored."""

from __future__ import annotations

import warnings
from typing import Any

import marshmallow as ma
import pytest
from marshmallow import EXCLUDE, INCLUDE
from werkzeug.datastructures import MultiDict

from qhana_plugin_runner import api
from qhana_plugin_runner.api import plugin_schemas
from qhana_plugin_runner.api.util import (
    FrontendFormBaseSchema,
    MaBaseSchema,
    camelcase,
)


class Form(FrontendFormBaseSchema):
    """Fields in an order that is not alphabetical."""

    second_input = ma.fields.Integer(required=True)
    first_input = ma.fields.String(required=True)
    other = ma.fields.String(data_key="the_other")


class LongerForm(Form):
    """A form with one more field."""

    a_last_one = ma.fields.String()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("input_str", "inputStr"),
        ("num_2d", "num2D"),
        ("file-id", "file-id"),
        ("a_b_c", "aBC"),
        ("aB_cD", "aBCd"),
        ("_x", "X"),
        ("", ""),
    ],
)
def test_camelcase_title_cases_all_parts_but_the_first(name: str, expected: str) -> None:
    assert camelcase(name) == expected


def test_the_base_schema_can_be_imported_from_all_documented_places() -> None:
    assert api.MaBaseSchema is MaBaseSchema
    assert plugin_schemas.MaBaseSchema is MaBaseSchema


def test_keys_are_camel_case_outside_and_snake_case_inside() -> None:
    form = Form()
    loaded = form.load({"secondInput": "2", "firstInput": "x", "theOther": "y"})
    assert loaded == {"second_input": 2, "first_input": "x", "other": "y"}
    assert form.dump(loaded) == {"secondInput": 2, "firstInput": "x", "theOther": "y"}


def test_fields_keep_the_order_of_their_declaration() -> None:
    assert list(LongerForm().fields) == [
        "second_input",
        "first_input",
        "other",
        "a_last_one",
    ]


def test_loading_gives_the_values_in_the_order_of_the_fields() -> None:
    loaded = Form().load({"firstInput": "x", "secondInput": 1})
    assert list(loaded) == ["second_input", "first_input"]


def test_declaring_a_form_warns_about_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        type("Declared", (FrontendFormBaseSchema,), {"x": ma.fields.String()})()


def test_errors_are_the_result_if_asked_for() -> None:
    form = Form(validate_errors_as_result=True)
    assert form.load({"secondInput": "x"}) == {
        "secondInput": ["Not a valid integer."],
        "firstInput": ["Missing data for required field."],
    }
    assert form.load({"secondInput": 1, "firstInput": ""}) == {}


def test_missing_fields_are_no_errors_of_a_partial_form() -> None:
    form = Form(partial=True, unknown=EXCLUDE, validate_errors_as_result=True)
    assert form.load(MultiDict({"secondInput": "x", "more": "1"})) == {
        "secondInput": ["Not a valid integer."]
    }


def test_post_load_does_not_run_while_errors_are_collected() -> None:
    class Building(Form):
        @ma.post_load
        def build(self, data: Any, **kwargs: Any) -> Any:
            raise AssertionError("this needs all fields")

    form = Building(partial=True, validate_errors_as_result=True)
    assert form.load({"secondInput": 1}) == {}


def test_unknown_fields_can_be_allowed_for_one_call() -> None:
    form = Form(partial=True, validate_errors_as_result=True)
    assert form.load({"more": 1}) == {"more": ["Unknown field."]}
    assert form.load({"more": 1}, unknown=INCLUDE) == {}
    assert form.load({"more": 1}) == {"more": ["Unknown field."]}


def test_without_the_flag_errors_are_raised() -> None:
    with pytest.raises(ma.ValidationError):
        Form().load({})


def test_the_constructor_takes_the_arguments_of_marshmallow_by_keyword() -> None:
    form = Form(only=("other",), many=True, load_only=(), dump_only=(), exclude=())
    assert form.load([{"theOther": "x"}]) == [{"other": "x"}]
    with pytest.raises(TypeError):
        Form(("other",))  # type: ignore[misc]


def test_a_subclass_may_replace_the_constructor() -> None:
    class Own(Form):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.datalists = {"other": ["a", "b"]}

    assert Own(partial=True).datalists == {"other": ["a", "b"]}


@pytest.mark.parametrize("text", ["a\x00b", "\ud800", "\udfff"])
def test_text_that_no_database_stores_is_an_error_of_its_field(text: str) -> None:
    data = {"secondInput": 1, "firstInput": text}
    message = "Null characters and lone surrogates are not allowed."
    assert Form().validate(data) == {"firstInput": [message]}


def test_text_that_is_left_out_may_be_anything() -> None:
    data = {"secondInput": 1, "firstInput": "a", "unknown": "\x00"}
    assert Form(unknown=EXCLUDE).load(data) == {"second_input": 1, "first_input": "a"}
    assert Form(unknown=EXCLUDE, validate_errors_as_result=True).load(data) == {}


@pytest.mark.parametrize("key", ["firstInput", "theOther"])
def test_text_of_known_fields_is_checked_where_others_are_left_out(key: str) -> None:
    data = {"secondInput": 1, "firstInput": "a", key: "\x00"}
    assert set(Form(unknown=EXCLUDE).validate(data)) == {key}


def test_text_of_unknown_fields_that_are_kept_is_checked() -> None:
    data = {"secondInput": 1, "firstInput": "a", "unknown": "\x00"}
    assert set(Form(unknown=INCLUDE).validate(data)) == {"unknown"}


def test_text_outside_the_basic_plane_is_fine() -> None:
    data = {"secondInput": 1, "firstInput": "\U0001f600"}
    assert Form().load(data)["first_input"] == "\U0001f600"


def test_each_text_of_a_repeated_field_is_checked() -> None:
    schema = MaBaseSchema.from_dict({"names": ma.fields.List(ma.fields.String())})()
    assert set(schema.validate({"names": ["a", "\x00"]})) == {"names"}
