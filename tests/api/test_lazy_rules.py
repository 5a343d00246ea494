# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Rules that are compiled late build what Werkzeug's own rules build."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.routing import BuildError, Map, Rule

from qhana_plugin_runner.api.lazy_rules import LazyRule

RULES = (
    ("/", {}),
    ("/plain/", {}),
    ("/a b/ü/<name>/", {}),
    ("/<int:number>/x", {}),
    ("/<path:rest>/end/<float:size>", {}),
    ("/page/", {"number": 1}),
    ("/page/<int:number>/", {}),
)


def adapter(rule_class: type[Rule]) -> Any:
    rules = [
        rule_class(rule, endpoint=str(index % 6), defaults=defaults or None)
        for index, (rule, defaults) in enumerate(RULES)
    ]
    return Map(rules).bind("localhost")


def built(adapter_: Any, endpoint: str, values: dict[str, Any], unknown: bool) -> Any:
    try:
        return adapter_.build(endpoint, values, append_unknown=unknown)
    except BuildError as err:
        return type(err)


@given(
    endpoint=st.sampled_from("0123456"),
    values=st.dictionaries(
        st.sampled_from(["name", "number", "rest", "size", "other", "self", "rule"]),
        st.one_of(st.integers(0, 99), st.text(max_size=5), st.floats(0, 9)),
    ),
    unknown=st.booleans(),
)
def test_the_urls_are_those_of_werkzeug(
    endpoint: str, values: dict[str, Any], unknown: bool
) -> None:
    lazy, expected = adapter(LazyRule), adapter(Rule)
    for _ in range(2):  # the second time it is compiled
        try:
            url = built(expected, endpoint, values, unknown)
        except (TypeError, ValueError) as err:
            with pytest.raises(type(err)):
                built(lazy, endpoint, values, unknown)
        else:
            assert built(lazy, endpoint, values, unknown) == url


def test_nothing_is_compiled_before_a_url_is_built(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compiled = []
    original = Rule._compile_builder

    def compile_builder(self: Rule, append_unknown: bool = True) -> Any:
        compiled.append(self.rule)
        return original(self, append_unknown)

    monkeypatch.setattr(Rule, "_compile_builder", compile_builder)
    rules = Map([LazyRule("/<name>/", endpoint="a"), LazyRule("/b/", endpoint="b")])
    adapter_ = rules.bind("localhost")
    assert adapter_.match("/x/") == ("a", {"name": "x"})
    assert compiled == []
    assert [adapter_.build("a", {"name": "x"}) for _ in range(2)] == ["/x/", "/x/"]
    assert compiled == ["/<name>/"]
