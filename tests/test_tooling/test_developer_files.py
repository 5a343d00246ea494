# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Files for tools of developers name commands that exist, and nothing of their own."""

from __future__ import annotations

import json
import shlex

import yaml

from runner_process import ROOT
from tooling.checks import check_steps


def read_yaml(path: str) -> dict:
    return yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))


def test_hooks_before_a_commit_are_steps_of_the_check() -> None:
    (repository,) = read_yaml(".pre-commit-config.yaml")["repos"]
    assert repository["repo"] == "local"
    for hook in repository["hooks"]:
        words = shlex.split(hook["entry"])
        assert words[:4] == [".venv/bin/python", "-m", "invoke", "check"]
        steps = words[5::2]
        assert words[4::2] == ["--only"] * len(steps)
        assert set(steps) <= set(check_steps())


def test_the_workflow_runs_the_one_check_with_its_four_services() -> None:
    job = read_yaml(".github/workflows/check.yml")["jobs"]["check"]
    assert [step["run"] for step in job["steps"] if "run" in step] == ["bash .ci/run"]
    ports = [service["ports"][0].split(":")[0] for service in job["services"].values()]
    needed = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert all(f"127.0.0.1 {port}" in needed for port in ports)
    assert needed.count("need_port ") == len(ports)


def test_the_launch_configuration_starts_server_and_worker() -> None:
    launch = json.loads((ROOT / "default-launch.json").read_text(encoding="utf-8"))
    names = {configuration["name"] for configuration in launch["configurations"]}
    compounds = {c["name"]: c["configurations"] for c in launch["compounds"]}
    assert compounds["All"] == compounds["all"] == ["API", "worker"]
    assert {"API", "worker"} <= names
