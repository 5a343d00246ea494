# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Three plugins work together over real HTTP, webhooks and a real worker."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runner_process import Runner, runner

PLUGINS = Path(__file__).resolve().parent / "plugins"
TARGET = 'ID,href,value\r\n"a","","0.25"\r\n"b","","0.75"\r\n'


@pytest.fixture(
    scope="module",
    params=[{"TASK_IDS": "plain"}, {"AUTHENTICATION": "required"}],
    ids=["anybody", "with tokens"],
)
def interplay(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Runner]:
    folder = tmp_path_factory.mktemp("interplay")
    with runner(folder, PLUGIN_FOLDERS=str(PLUGINS), **request.param) as instance:
        token = instance.flask("token", "create", "alice").stdout.strip()
        instance.http.headers["Authorization"] = f"Bearer {token}"
        instance.start_server()
        instance.start_worker(concurrency=3)
        yield instance


@pytest.fixture(scope="module")
def coordinated(interplay: Runner) -> dict[str, Any]:
    """The task of the coordinator after everything is done."""
    root = f"{interplay.url}plugins/interplay"
    target = "data:text/csv;base64," + base64.b64encode(TARGET.encode()).decode()
    answer = interplay.http.post(
        f"{root}-coordinator@v0-1-0/process/",
        data={
            "objective": f"{root}-objective@v0-1-0/",
            "minimizer": f"{root}-minimizer@v0-1-0/",
            "features": target,
            "target": target,
        },
        timeout=10,
    )
    assert answer.status_code == 200, answer.text
    return interplay.wait_task(answer.url, 60)


def test_the_coordinator_succeeds_with_the_weights_of_the_minimiser(
    interplay: Runner, coordinated: dict[str, Any]
) -> None:
    assert (coordinated["status"], coordinated["log"]) == ("SUCCESS", "coordinated")
    (output,) = coordinated["outputs"]
    assert (output["name"], output["dataType"]) == ("weights.json", "entity/vector")
    (weights,) = interplay.http.get(output["href"], timeout=10).json()
    assert (weights["x0"], weights["x1"]) == pytest.approx((0.25, 0.75))


def test_the_output_is_kept_by_its_url(
    interplay: Runner, coordinated: dict[str, Any]
) -> None:
    minimizer = interplay.wait_task(interplay.task_url(3))
    assert coordinated["outputs"][0]["href"] == minimizer["outputs"][0]["href"]


def test_the_objective_function_ends_after_its_evaluation(
    interplay: Runner, coordinated: dict[str, Any]
) -> None:
    objective = interplay.wait_task(interplay.task_url(2))
    assert (objective["status"], objective["log"]) == ("SUCCESS", "evaluated")
    steps = [(step["stepId"], step["cleared"]) for step in objective["steps"]]
    assert steps == [("pass_data", True), ("evaluate", True)]
    types = [link["type"] for link in objective["links"]]
    assert types[0] == "subscribe"
    assert {"of-weights", "of-evaluate"} <= set(types)


def test_a_stranger_s_webhook_changes_nothing(
    interplay: Runner, coordinated: dict[str, Any]
) -> None:
    url = f"{interplay.url}plugins/interplay-coordinator@v0-1-0/1/webhook/"
    answer = interplay.http.post(
        url, params={"source": "http://stranger/tasks/1/", "event": "status"}, timeout=10
    )
    assert answer.status_code == 204
    assert interplay.task(interplay.task_url(1))["status"] == "SUCCESS"
