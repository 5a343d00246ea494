# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Tasks of existing plugins end as they always did, in one run on the embedded broker."""

from __future__ import annotations

import pytest

from ecosystem.ecosystem_client import EcosystemClient
from ecosystem.task_kinds import KINDS

PLUGIN = "task-kinds@v0-1-0"


@pytest.mark.parametrize("kind", KINDS)
def test_a_task_ends_with_status_and_log(classic: EcosystemClient, kind: str) -> None:
    status, log = KINDS[kind]
    task = classic.run(PLUGIN, {"kind": kind})
    assert (task["status"], task["log"].split("\n")[0].split("(")[0]) == (
        status,
        log.split("(")[0],
    )
    assert log in task["log"]


def test_a_replacement_may_add_a_step(classic: EcosystemClient) -> None:
    task = classic.wait_step(classic.start(PLUGIN, {"kind": "replaces_with_step"}), 1)
    assert (task["status"], task["log"]) == ("PENDING", "step by a replacement")
    assert task["steps"][0]["href"] == "https://example.org/s"


def test_a_plugin_may_link_an_error_callback_of_its_own(classic: EcosystemClient) -> None:
    url = classic.start(PLUGIN, {"kind": "second_member_fails"})
    classic.wait(url, lambda task: "own errback" in task["log"])
