# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""What plugins pass to ``jsonify`` is answered with the values that Flask answers."""

from __future__ import annotations

import json
import math
import uuid
from collections import OrderedDict, namedtuple
from dataclasses import dataclass
from datetime import date, datetime, timezone
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Any

import pytest
from flask import Flask, jsonify
from hypothesis import given, settings
from hypothesis import strategies as st
from markupsafe import Markup
from werkzeug.datastructures import MultiDict

from qhana_plugin_runner.api.json_answers import RunnerJSONProvider

Pair = namedtuple("Pair", "left right")


class Color(str, Enum):
    RED = "red"


class Number(IntEnum):
    ONE = 1


class Plain(Enum):
    A = 1


@dataclass
class Point:
    x: float
    _hidden: int = 1


def app(debug: bool = False) -> Flask:
    app = Flask("answers")
    app.debug = debug
    app.json = RunnerJSONProvider(app)
    return app


def answer(value: Any, debug: bool = False) -> bytes:
    with app(debug).app_context():
        return jsonify(value).data


def flask_answer(value: Any) -> Any:
    plain = Flask("plain")
    with plain.app_context():
        return json.loads(jsonify(value).data)


@pytest.mark.parametrize(
    ("value", "text"),
    [("ä\x7f", '"ä\x7f"'), (1e-7, "1e-7"), (Plain.A, "1"), ({1: "ä"}, '{"1":"\\u00e4"}')],
)
def test_the_text_of_an_answer_may_differ_from_flask_s(value: Any, text: str) -> None:
    assert answer(value).decode() == f"{text}\n"


@pytest.mark.parametrize(
    "value",
    [
        2**64,
        -(2**80),
        {"a": [1, 2.5, None, True, "ä\u2028</script>"]},
        {1: "number", 2: "as key"},
        Decimal("1.10"),
        date(2026, 1, 2),
        datetime(2026, 1, 2, 3, 4, tzinfo=timezone.utc),
        uuid.UUID(int=5),
        Point(1.5),
        Pair(1, 2),
        Color.RED,
        Number.ONE,
        OrderedDict(b=1, a=2),
        MultiDict([("a", 1), ("a", 2)]),
        Markup("<b>x</b>"),
        "\ud800",
        1e16,
        5e-324,
    ],
    ids=repr,
)
def test_the_answer_means_what_the_one_of_flask_means(value: Any):
    assert json.loads(answer(value)) == flask_answer(value)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_numbers_that_json_does_not_know_are_kept(value: float):
    assert repr(json.loads(answer({"loss": [value]}))["loss"][0]) == repr(value)


def test_what_nobody_can_write_is_an_error():
    with pytest.raises(TypeError):
        answer({1, 2})


def test_keys_are_sorted_and_nothing_is_wasted():
    assert answer({"b": [1, 2], "a": {"d": "x", "c": "y"}}) == (
        b'{"a":{"c":"y","d":"x"},"b":[1,2]}\n'
    )


def test_debug_mode_indents_by_two():
    assert answer({"b": 1, "a": [2]}, debug=True) == (
        b'{\n  "a": [\n    2\n  ],\n  "b": 1\n}\n'
    )


def test_a_plugin_may_change_the_provider():
    changed = app()
    changed.json.sort_keys = False  # type: ignore[attr-defined]
    changed.json.default = str  # type: ignore[attr-defined]
    with changed.app_context():
        assert jsonify({"b": 1, "a": {1}}).data == b'{"b":1,"a":"{1}"}\n'


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=10,
)


@settings(deadline=None)
@given(JSON)
def test_every_document_survives(value: Any):
    assert json.loads(answer(value)) == value
