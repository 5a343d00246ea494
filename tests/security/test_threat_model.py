# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The threat model names attacks that exist, and settings that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from qhana_plugin_runner.config.settings import SETTINGS

ROOT = Path(__file__).parents[2]
TEXTS = ["docs/threat-model.rst", "docs/security.rst", "SECURITY.md"]
#: Written in capitals, but no settings of an app.
OTHER_NAMES = {"FLASK_DEBUG", "SQLITE"}


@pytest.mark.parametrize("name", TEXTS)
def test_the_tests_that_are_named_exist(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    for path in re.findall(r"`(tests/[\w/.]+)`", text):
        assert (ROOT / path).is_file(), path


@pytest.mark.parametrize("name", TEXTS)
def test_the_settings_that_are_named_exist(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    known = {setting.name for setting in SETTINGS} | {s.env for s in SETTINGS}
    named = set(re.findall(r"`([A-Z]+_[A-Z_]+)(?:=[^`]*)?`", text))
    assert named - OTHER_NAMES <= known
