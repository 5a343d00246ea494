# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Tokens required, with a real server and a real worker: a plugin runs to its end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from runner_process import ROOT, Runner, runner
from security.secured_app import HELLO


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    folder = tmp_path_factory.mktemp("secured")
    plugins = str(ROOT / "plugins")
    settings = {"AUTHENTICATION": "required", "PLUGIN_FOLDERS": plugins}
    with runner(folder, **settings) as instance:
        token = instance.flask("token", "create", "alice").stdout.strip()
        instance.start_server()
        instance.start_worker(concurrency=1)
        instance.environment["TOKEN"] = token
        yield instance


def test_a_plugin_runs_with_a_token_and_its_outputs_need_none(secured: Runner) -> None:
    token = secured.environment["TOKEN"]
    url = f"{secured.url.rstrip('/')}{HELLO}/process/"
    data = {"inputStr": "Ada"}
    assert requests.post(url, data=data, timeout=10).status_code == 401
    answer = requests.post(
        url,
        data=data,
        headers={"Authorization": f"Bearer {token}"},
        allow_redirects=False,
        timeout=10,
    )
    assert answer.status_code == 303
    # From here on as a host that knows no tokens.
    task = secured.wait_task(requests.compat.urljoin(url, answer.headers["Location"]))
    assert task["status"] == "SUCCESS"
    (output,) = task["outputs"]
    assert "Ada" in requests.get(output["href"], timeout=10).text


def test_the_task_belongs_to_the_token_s_name(secured: Runner) -> None:
    listed = secured.flask("tasks", "list", "--owner", "alice").stdout
    assert "hello-world" in listed
    assert "hello-world" not in secured.flask("tasks", "list", "--owner", "bob").stdout
