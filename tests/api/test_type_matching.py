# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""How data types match."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qhana_plugin_runner.api.type_matching import any_type_matches, type_matches

PART = st.text("abcdefghijklmnopqrstuvwxyz0123456789.+-", min_size=1)
TYPE = st.builds("{}/{}".format, PART, PART)


@pytest.mark.parametrize(
    ("accepted", "offered", "matches"),
    [
        ("entity/list", "entity/list", True),
        ("entity/list", "entity/numeric", False),
        ("entity/*", "entity/numeric", True),
        ("entity/", "entity/numeric", True),
        ("entity", "entity/numeric", True),
        ("entity", "entity", True),
        ("entity", "entities/x", False),
        ("*", "entity/numeric", True),
        ("*/*", "entity/numeric", True),
        ("application/json", "application/json; charset=utf-8", True),
        ("Application/JSON", "application/json", True),
        ("application/json", "application/*", False),
    ],
)
def test_the_documented_cases(accepted: str, offered: str, matches: bool) -> None:
    assert type_matches(accepted, offered) is matches


@given(TYPE)
def test_every_type_matches_itself_and_everything(name: str) -> None:
    assert type_matches(name, name)
    assert type_matches("*", name)


@given(PART, TYPE)
def test_three_spellings_of_a_wildcard_mean_the_same(main: str, offered: str) -> None:
    answers = {type_matches(f"{main}{end}", offered) for end in ("", "/", "/*")}
    assert answers == {offered.split("/")[0] == main}


@given(TYPE, TYPE)
def test_different_types_without_wildcards_do_not_match(one: str, other: str) -> None:
    assert type_matches(one, other) is (one == other)


@given(st.lists(TYPE), TYPE)
def test_one_match_is_enough(accepted: list[str], offered: str) -> None:
    assert any_type_matches([*accepted, "*"], offered)
    assert any_type_matches(accepted, offered) is (offered in accepted)
