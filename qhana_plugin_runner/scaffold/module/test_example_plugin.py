"""Plugin ``example-plugin`` in a runner with server and worker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from qhana_plugin_runner.testing import RunnerClient, running_plugins

FOLDER = Path(__file__).parent


@pytest.fixture(scope="module")
def runner() -> Iterator[RunnerClient]:
    with running_plugins(FOLDER) as client:
        yield client


def test_writes_the_result(runner: RunnerClient) -> None:
    task = runner.run("example-plugin", {"text": "hello"})
    assert runner.output(task, "result.txt").text == "HELLO"


def test_names_the_missing_field(runner: RunnerClient) -> None:
    path = runner.metadata("example-plugin")["entryPoint"]["href"]
    answer = runner.post(path, {})
    assert answer.status_code == 422
    assert list(answer.json()["errors"]["form"]) == ["text"]


def test_shows_a_form(runner: RunnerClient) -> None:
    path = runner.metadata("example-plugin")["entryPoint"]["uiHref"]
    page = runner.get(path, params={"text": "hello"}).text
    assert 'name="text"' in page
    assert "hello" in page
