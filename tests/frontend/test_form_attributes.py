"""The functions that turn a field into attributes."""

from __future__ import annotations

from enum import Enum
from typing import Any

import marshmallow as ma
import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from marshmallow.validate import And, Length, Range

from qhana_plugin_runner.frontend import forms

f = ma.fields


class Color(Enum):
    RED = "red color"


@pytest.mark.parametrize(
    ("field", "input_type"),
    [
        (f.Email(), "email"),
        (f.Url(), "url"),
        (f.Boolean(), "checkbox"),
        (f.Decimal(), "number"),
        (f.Float(), "number"),
        (f.Integer(), "number"),
        (f.Date(), "date"),
        (f.Time(), "time"),
        (f.NaiveDateTime(), "datetime-local"),
        (f.Raw(), "textarea"),
        (f.String(), "text"),
        (f.UUID(), "text"),
        (f.DateTime(), None),
        (f.AwareDateTime(), None),
        (f.TimeDelta(), None),
        (f.List(f.String()), None),
        (f.Dict(), None),
        (f.IP(), None),
        (f.Nested(ma.Schema), None),
        (f.String(metadata={"input_type": "textfield"}), "textfield"),
        (f.Integer(metadata={"input_type": ""}), "number"),
    ],
)
def test_input_type_follows_metadata_then_class(field: f.Field, input_type: str) -> None:
    assert forms.get_input_type(field) == input_type


@pytest.mark.parametrize(
    ("field", "step"),
    [
        (f.Integer(), "1"),
        (f.Float(), "any"),
        (f.Decimal(), "any"),
        (f.String(), None),
        (f.String(metadata={"step": 5}), 5),
        (f.Float(metadata={"step": 0}), 0),
    ],
)
def test_step(field: f.Field, step: Any) -> None:
    assert forms.get_input_attr_step(field) == step


@pytest.mark.parametrize(
    ("field", "attributes"),
    [
        (f.String(), ""),
        (f.Integer(validate=Range(min=0, max=9)), 'step="1" min="0" max="9"'),
        (f.Float(metadata={"step": 0}), ""),
        (f.Float(validate=Range(min=0.5)), 'step="any" min="0.5"'),
        (
            f.String(validate=[Length(min=1), Length(max=3)]),
            'minlength="1" maxlength="3"',
        ),
        (f.String(validate=Length(equal=3)), ""),
        (f.Integer(validate=And(Range(min=1))), 'step="1"'),
        (f.String(metadata={"step": '" onfocus="x'}), 'step="&#34; onfocus=&#34;x"'),
    ],
)
def test_validation_attributes_are_quoted(field: f.Field, attributes: str) -> None:
    assert forms.get_validation_attrs(field) == attributes


@pytest.mark.parametrize(
    ("items", "text"),
    [
        (None, None),
        (["a", "b"], "a b"),
        (("a", 1), "a 1"),
        ("a b", "a b"),
        (3, "3"),
        ([], ""),
    ],
)
def test_space_delimited_list(items: Any, text: str | None) -> None:
    assert forms.space_delimited_list(items) == text


def test_datalist_comes_from_metadata_then_extras_then_schema() -> None:
    class Suggesting(ma.Schema):
        a = f.String(metadata={"datalist": ["meta"]})
        b = f.String(metadata={"datalist": []})
        c = f.String()
        d = f.String()

    schema = Suggesting()
    schema.datalists = {"a": ["schema"], "b": ["schema"], "c": ["schema"]}
    extras = {"a": {"datalist": ["extra"]}, "b": {"datalist": ["extra"]}}
    found = [forms.get_datalist_from_schema(schema, key, extras) for key in "abcd"]
    assert found == [["meta"], ["extra"], ["schema"], None]


def test_datalists_that_are_no_dict_are_ignored() -> None:
    schema = ma.Schema.from_dict({"a": f.String()})()
    schema.datalists = ["a"]
    assert forms.get_datalist_from_schema(schema, "a") is None


@pytest.mark.parametrize("value", ["RED", Color.RED])
def test_an_enum_member_selects_the_option_with_its_name(value: Any) -> None:
    field = f.String(metadata={"options": {"": "none", "RED": "red color"}})
    assert forms.select_options(field, "color", value) == [
        ("", "none", False),
        ("RED", "red color", True),
    ]


def test_options_may_come_from_extras() -> None:
    extras = {"color": {"options": {1: "one", 2: "two"}}}
    options = forms.select_options(f.String(), "color", 2, extras)
    assert options == [("1", "one", False), ("2", "two", True)]


@pytest.mark.parametrize("value", [True, 1, "on", "true", "True", "1", "yes"])
def test_values_that_tick_a_checkbox(value: Any) -> None:
    assert forms.is_checked(value)


@pytest.mark.parametrize(
    "value", [None, False, 0, "", "False", "false", "off", "0", "no"]
)
def test_values_that_do_not_tick_a_checkbox(value: Any) -> None:
    assert not forms.is_checked(value)


@pytest.mark.parametrize(
    ("errors", "messages"),
    [
        (None, []),
        ([], []),
        ("bad", ["bad"]),
        (["one", "two"], ["one", "two"]),
        ({0: ["bad"], "x": {"_schema": ["worse"]}}, ["0: bad", "x: worse"]),
    ],
)
def test_error_messages_of_any_depth(errors: Any, messages: list[str]) -> None:
    assert forms.error_messages(errors) == messages


@pytest.mark.parametrize(
    "url", ["", "/a", "a/b?c=d:e", "?x=1", "./x", "//host/x", "http://x", "HTTPS://x"]
)
def test_relative_and_http_urls_stay(url: str) -> None:
    assert forms.safe_url(url) == url


@pytest.mark.parametrize(
    "url", ["javascript:x", "JavaScript:x", " java\nscript:x", "\x01data:x", "vbscript:x"]
)
def test_urls_that_run_code_become_harmless(url: str) -> None:
    assert forms.safe_url(url) == "#harmful-link"


def test_a_url_that_is_not_given_stays_away() -> None:
    assert forms.safe_url(None) is None


def test_a_password_of_the_query_is_not_shown(frontend_app: Flask) -> None:
    with frontend_app.test_request_context("/?token=hunter2"):
        assert forms.shown_value("password", "token", "hunter2") is None
        assert forms.shown_value("text", "token", "hunter2") == "hunter2"


def test_a_password_of_the_posted_form_is_not_shown(frontend_app: Flask) -> None:
    with frontend_app.test_request_context(
        "/", method="POST", data={"token": ["hunter2"]}
    ):
        assert forms.shown_value("password", "token", "hunter2") is None


def test_a_password_of_the_plugin_is_shown(frontend_app: Flask) -> None:
    with frontend_app.test_request_context("/?token=other"):
        assert forms.shown_value("password", "token", "configured") == "configured"


def test_the_placeholder_of_a_secret_survives_validation(frontend_app: Flask) -> None:
    with frontend_app.test_request_context("/", method="POST", data={"token": "****"}):
        assert forms.shown_value("password", "token", "****") == "****"


@given(st.text())
def test_an_attribute_value_cannot_leave_its_quotes(value: str) -> None:
    attribute = forms.field_attr("value", value)
    assert attribute.startswith('value="') and attribute.endswith('"')
    assert not set(attribute[7:-1]) & set("\"<>'")
