# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Whatever is fast about writing JSON, the text is the one of the standard library."""

from __future__ import annotations

import json
import math
from typing import Any, NamedTuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from qhana_plugin_runner.plugin_utils.entity_json import encode_array, encode_lines


class Pair(NamedTuple):
    left: int
    right: int


def expected_array(batch: list[dict[str, Any]]) -> str:
    return json.dumps(batch, separators=(",", ":"))


def expected_lines(batch: list[dict[str, Any]]) -> str:
    return "".join(f"{json.dumps(entity)}\n" for entity in batch)


# Numbers whose shortest form has an exponent are spelled in two ways, see below.
NUMBERS = st.integers() | st.floats(-1e15, 1e15).filter(lambda n: "e" not in repr(n))
TEXTS = st.text() | st.text(alphabet=',":{}[]\\ \x7fnulxüU€😀')
SCALARS = st.none() | st.booleans() | NUMBERS | TEXTS
SPECIAL = st.sampled_from([math.nan, math.inf, 2**64, "null", Pair(1, 2), [1, [2, None]]])
VALUES = SCALARS | SPECIAL | st.dictionaries(TEXTS, SCALARS)
ENTITIES = st.lists(st.dictionaries(TEXTS | st.sampled_from("ab"), VALUES), min_size=1)


@settings(deadline=None)
@given(ENTITIES)
@example([{"a": "b,", ":": 1}, {",": 1, ":": "x"}])
@example([{"a": 'x,"b":', "b": "},{"}])
@example([{"a": None, "b": math.nan}])
@example([{"a": "null", "b": math.nan}])
@example([{"a": "null", "b": None}])
@example([{"a": None, "b": [None]}, {"a": [math.nan], "b": None}])
@example([{"a": "Größe", "b": "\u2028"}])
@example([{"ü": "\\xfc", "b": "\\U"}])
@example([{"a": "ü😀"}])
def test_the_text_is_the_one_of_the_standard_library(batch: list[dict[str, Any]]):
    assert encode_array(batch) == expected_array(batch)
    assert encode_lines(batch) == expected_lines(batch)


def test_plain_entities():
    batch = [
        {"ID": f"i{n}", "n": n, "x": n / 7, "ok": True, "no": None} for n in range(3)
    ]
    assert encode_array(batch) == expected_array(batch)
    assert encode_lines(batch) == expected_lines(batch)


@pytest.mark.parametrize("number", [1e16, 5e-324, -1.5e-7, 1.7976931348623157e308])
def test_a_number_with_exponent_means_the_same(number: float):
    batch = [{"n": number}]
    assert json.loads(encode_array(batch)) == batch
    assert json.loads(encode_lines(batch)) == batch[0]


@pytest.mark.parametrize("value", [{1}, object(), b"x", 1j])
def test_other_values_are_refused(value: Any):
    for encode in (encode_array, encode_lines):
        with pytest.raises(TypeError):
            encode([{"a": value}])
