# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""What existing plugins do with Celery works on Redis and RabbitMQ as well."""

from __future__ import annotations

from ecosystem.ecosystem_client import EcosystemClient
from ecosystem.task_kinds import KINDS
from ecosystem.test_classic_tasks import PLUGIN


def test_every_kind_of_task_ends_as_it_should(classic_on_broker: EcosystemClient) -> None:
    urls = {kind: classic_on_broker.start(PLUGIN, {"kind": kind}) for kind in KINDS}
    for kind, (status, log) in KINDS.items():
        task = classic_on_broker.wait(urls[kind])
        assert (kind, task["status"]) == (kind, status), task["log"]
        assert log in task["log"], kind


def test_a_view_may_wait_for_a_task(classic_on_broker: EcosystemClient) -> None:
    path = "/plugins/lazy-evaluation@v0-1-0/evaluate/"
    url = classic_on_broker.url(path)
    for weight in range(3):
        answer = classic_on_broker.http.post(url, json={"weights": [weight]}, timeout=20)
        assert answer.json() == {"loss": float(weight**2)}
