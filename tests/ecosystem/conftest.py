# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""A runner with plugins in the shapes of existing ones, as processes of their own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ecosystem.ecosystem_client import EcosystemClient
from runner_process import Runner, free_port, runner
from services import RABBITMQ, REDIS, require

HERE = Path(__file__).resolve().parent
CLASSIC = HERE / "plugins_classic"
_MUST_NOT_RUN = 'raise RuntimeError("this is no plugin")\n'


def no_plugins(folder: Path) -> Path:
    """Make a plugin folder full of things that are no plugins."""
    folder.mkdir()
    for name in ("a.b.py", "test_beside.py", "conftest.py", ".hidden.py", "notes.txt"):
        (folder / name).write_text(_MUST_NOT_RUN)
    for name in (".repositories/clone", "group/plugin"):
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text(_MUST_NOT_RUN)
    (folder / "img").mkdir()
    return folder


@contextmanager
def classic_runner(folder: Path, **environment: str) -> Iterator[EcosystemClient]:
    """Run server, worker and scheduler with the classic plugins."""
    folders = [
        str(CLASSIC),
        str(no_plugins(folder / "others")),
        # a package that is a plugin folder itself is loaded once all the same
        str(CLASSIC / "workflows"),
        str(folder / "missing"),
    ]
    environment = {
        "PLUGIN_FOLDERS": os.pathsep.join([*folders, ""]),
        "PLUGIN_REGISTRY_URL": f"http://127.0.0.1:{free_port()}/api/",
        **environment,
    }
    with runner(folder, **environment) as instance:
        instance.start_server()
        instance.start_worker()
        _start_scheduler(instance)
        yield EcosystemClient(instance)


def _start_scheduler(instance: Runner) -> None:
    instance._start(
        "beat",
        "celery",
        "--app",
        "qhana_plugin_runner.celery_worker:CELERY",
        "beat",
        "--loglevel=INFO",
        f"--schedule={instance.folder / 'schedule'}",
    )


@pytest.fixture(scope="session")
def classic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EcosystemClient]:
    """A runner with the embedded broker, shared by all tests."""
    with classic_runner(tmp_path_factory.mktemp("classic")) as client:
        yield client


@pytest.fixture(scope="module", params=["redis", "rabbitmq"])
def classic_on_broker(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[EcosystemClient]:
    """A runner for each broker that is a server."""
    url = {"redis": REDIS, "rabbitmq": RABBITMQ}[request.param]
    require(request.param, url)
    with classic_runner(tmp_path_factory.mktemp(request.param), BROKER_URL=url) as client:
        yield client
