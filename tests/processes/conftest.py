# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""A running server and worker with embedded defaults, shared by a module's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from runner_process import Runner, runner


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    with runner(tmp_path_factory.mktemp("running"), TASK_LEASE_SECONDS="3") as instance:
        instance.start_server()
        instance.start_worker()
        yield instance
