# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Plugin hello-world-multi-step: a task that waits for a second text."""

from __future__ import annotations

from typing import Any

import pytest

from plugin_app import Client

PLUGIN = "hello-world-multi-step@v1-0-0"


@pytest.fixture()
def waiting(runner: Client) -> dict[str, Any]:
    """A task whose step is open, with its URL."""
    answer = runner.post(f"/plugins/{PLUGIN}/process/", {"inputStr": "some input"})
    return {**runner.wait(answer.url, steps=1), "url": answer.url}


def test_waits_in_the_step_with_half_of_the_progress(waiting: dict[str, Any]):
    assert waiting["status"] == "PENDING"
    assert waiting["log"] == "result: 'Processed in the preprocessing step: some input'"
    assert waiting["progress"] == {"start": 0, "target": 100, "unit": "%", "value": 50}
    (step,) = waiting["steps"]
    assert step["stepId"] == "demo-step"
    assert step["cleared"] is False


def test_step_urls_are_absolute(waiting: dict[str, Any], runner_url: str):
    (step,) = waiting["steps"]
    assert step["href"].startswith(f"{runner_url}/plugins/{PLUGIN}/")
    assert step["href"].endswith("/demo-step-process/")
    assert step["uiHref"].endswith("/demo-step-ui/")


def test_the_second_text_ends_the_task(waiting: dict[str, Any], runner: Client):
    answer = runner.post(waiting["steps"][0]["href"], {"inputStr": "more input"})
    assert answer.url == waiting["url"]
    task = runner.wait(waiting["url"])
    assert task["status"] == "SUCCESS"
    assert task["progress"]["value"] == 100
    assert [step["cleared"] for step in task["steps"]] == [True]
    assert runner.output(task, "output1.txt").text == "some input"
    assert runner.output(task, "output2.txt").text == "more input"
    assert "20 characters in both steps." in task["log"]


def test_a_step_can_be_answered_only_once(waiting: dict[str, Any], runner: Client):
    href = waiting["steps"][0]["href"]
    runner.post(href, {"inputStr": "x"})
    runner.wait(waiting["url"])
    again = runner.post(href, {"inputStr": "y"})
    assert again.status_code == 409
    assert again.json()["message"] == "The step is not open (any more)."


def test_step_names_its_missing_field(waiting: dict[str, Any], runner: Client):
    answer = runner.post(waiting["steps"][0]["href"], {})
    assert answer.status_code == 422
    assert list(answer.json()["errors"]["form"]) == ["inputStr"]


def test_step_has_a_form_of_its_own(waiting: dict[str, Any], runner: Client):
    page = runner.get(waiting["steps"][0]["uiHref"], params={"inputStr": "prefilled"})
    assert page.status_code == 200
    assert "Second text" in page.text
    assert "prefilled" in page.text


def test_step_of_an_unknown_task_is_not_found(runner: Client):
    for path in ("demo-step-ui/", "demo-step-process/"):
        url = f"/plugins/{PLUGIN}/999999/{path}"
        method = runner.get if "ui" in path else runner.post
        answer = method(url, **({} if "ui" in path else {"data": {"inputStr": "x"}}))
        assert answer.status_code == 404


def test_step_of_another_plugins_task_is_not_found(runner: Client):
    answer = runner.post("/plugins/hello-world@v1-0-0/process/", {"inputStr": "x"})
    task_id = answer.url.rstrip("/").rpartition("/")[2]
    url = f"/plugins/{PLUGIN}/{task_id}/demo-step-process/"
    assert runner.post(url, {"inputStr": "x"}).status_code == 404
