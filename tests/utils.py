# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Assertions that tests of plugins import."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any


def assert_sequence_equals(expected: Sequence[Any], actual: Sequence[Any]) -> None:
    """Fail unless both sequences have equal items in the same order."""
    assert len(expected) == len(actual), f"{len(expected)} != {len(actual)} items"
    for index, (wanted, found) in enumerate(zip(expected, actual)):  # noqa: B905
        assert wanted == found, f"item {index}: {wanted!r} != {found!r}"


def assert_sequence_partial_equals(
    expected: Sequence[Any], actual: Sequence[Any], attributes_to_test: Iterable[str]
) -> None:
    """Fail unless the items agree in the named attributes (or keys)."""
    assert len(expected) == len(actual), f"{len(expected)} != {len(actual)} items"
    names = list(attributes_to_test)
    for index, (wanted, found) in enumerate(zip(expected, actual)):  # noqa: B905
        for name in names:
            left, right = _value(wanted, name), _value(found, name)
            assert left == right, f"item {index}, {name}: {left!r} != {right!r}"


def _value(item: Any, name: str) -> Any:
    return item[name] if isinstance(item, dict) else getattr(item, name)
