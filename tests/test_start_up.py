# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Garbage is collected as before once an application has started."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from qhana_plugin_runner import create_app
from qhana_plugin_runner.errors import ConfigurationError
from qhana_plugin_runner.start_up import nothing_collected


@pytest.fixture(params=[True, False])
def enabled(request: pytest.FixtureRequest) -> Iterator[bool]:
    """Whether somebody has left the collection of garbage on."""
    if not request.param:
        gc.disable()
    yield request.param
    gc.enable()


def test_nothing_is_collected_meanwhile(enabled: bool) -> None:
    with nothing_collected():
        assert not gc.isenabled()
    assert gc.isenabled() == enabled


def test_an_application_that_starts_leaves_it_as_it_was(enabled: bool) -> None:
    create_app({"SQLALCHEMY_DATABASE_URI": "sqlite://", "PLUGIN_FOLDERS": []}, True)
    assert gc.isenabled() == enabled


def test_an_application_that_cannot_start_leaves_it_as_it_was(enabled: bool) -> None:
    with pytest.raises(ConfigurationError):
        create_app({"TASK_IDS": "neither"}, True)
    assert gc.isenabled() == enabled
