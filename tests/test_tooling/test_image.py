# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The container image, built and run as server and as worker.

Building takes minutes and needs an image registry, so this runs only on demand:
``QHANA_TEST_IMAGE=1``, with docker, podman or buildah, Redis and PostgreSQL.
``QHANA_TEST_BASE_IMAGE`` names another base image than the Dockerfile's.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import requests

from container_engine import ROOT, Engine, base_image, find_engine
from runner_process import free_port
from services import REDIS, fresh_database, require

TAG = "localhost/qhana-plugin-runner-test"

pytestmark = [
    pytest.mark.timeout(2400),
    pytest.mark.skipif(
        os.environ.get("QHANA_TEST_IMAGE") != "1",
        reason="builds the container image only with QHANA_TEST_IMAGE=1",
    ),
]


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    name = find_engine()
    if name is None:
        pytest.skip("needs docker, podman or buildah to build the image")
    found = Engine(name)
    found.build(TAG, base_image())
    yield found
    found.close()


def output(engine: Engine, env: dict[str, str], *program: str) -> tuple[int, str]:
    command = engine.command(TAG, env, {}, list(program) or None)
    # buildah now and then loses what a program that ends at once has printed.
    for _attempt in range(3):
        result = subprocess.run(command, capture_output=True, text=True, timeout=120)
        if result.stdout or result.stderr or engine.name != "buildah":
            break
    return result.returncode, result.stdout + result.stderr


def test_the_image_runs_without_privileges_and_without_plugins(engine: Engine) -> None:
    status, text = output(engine, {}, "/bin/sh", "-c", "id -u; ls /app/plugins | wc -l")
    assert (status, text.split()) == (0, ["10001", "0"])


def test_the_image_has_no_private_and_no_development_files(engine: Engine) -> None:
    script = "ls -A /app; test ! -w /app/qhana_plugin_runner && echo protected"
    _status, text = output(engine, {}, "/bin/sh", "-c", script)
    found = set(text.split())
    assert "protected" in found
    assert not found & {".git", ".env", ".flaskenv", "tests", "docs", "poetry.lock"}


def test_an_unknown_mode_ends_the_container_with_both_names(engine: Engine) -> None:
    status, text = output(engine, {"CONTAINER_MODE": "both"})
    assert status != 0
    assert "'both'" in text and "'server'" in text and "'worker'" in text


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A git repository with the hello-world plugin in a subdirectory."""
    folder = tmp_path / "repository"
    (folder / "demo").mkdir(parents=True)
    shutil.copy(ROOT / "plugins" / "hello_world.py", folder / "demo")
    git = ["git", "-C", str(folder), "-c", "user.name=t", "-c", "user.email=t@t.test"]
    subprocess.run([*git, "init", "--quiet", "--initial-branch=main"], check=True)
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "--quiet", "-m", "plugin"], check=True)
    tmp_path.chmod(0o755)
    return folder


def wait_until(condition: Any, seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.5)


def test_server_and_worker_run_a_plugin_from_git(
    engine: Engine, repository: Path, tmp_path: Path
) -> None:
    require("Redis", REDIS)
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    (tmp_path / "instance").mkdir()
    (tmp_path / "instance").chmod(0o777)
    volumes = {repository: "/repository", tmp_path / "instance": "/data"}
    with ExitStack() as stack:
        database = stack.enter_context(fresh_database("postgresql", tmp_path))
        env = {
            "SERVER_PORT": str(port),
            "QHANA_PLUGIN_RUNNER_INSTANCE_FOLDER": "/data",
            "SQLALCHEMY_DATABASE_URI": database,
            "BROKER_URL": REDIS,
            "RESULT_BACKEND": REDIS,
            "CELERY_QUEUE": f"image-test-{port}",
            "GIT_PLUGINS": "git+file:///repository@main#subdirectory=demo",
            "GIT_PLUGINS_STRICT": "true",
            "WAIT_HOSTS": "127.0.0.1:6379, 127.0.0.1:5432",
        }
        for mode in ("server", "worker"):
            command = engine.command(TAG, {**env, "CONTAINER_MODE": mode}, volumes)
            log = stack.enter_context((tmp_path / f"{mode}.log").open("w"))
            process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
            stack.callback(process.wait, timeout=60)
            stack.callback(process.terminate)
        logs = [tmp_path / "server.log", tmp_path / "worker.log"]
        http = requests.Session()
        http.trust_env = False

        def is_healthy() -> bool:
            return _answers(http, url) and " ready." in logs[1].read_text()

        try:
            wait_until(is_healthy, 300, "server and worker are not ready")
            answer = http.post(
                f"{url}plugins/hello-world@v1-0-0/process/", data={"inputStr": "hello"}
            )
            task = answer.url
            wait_until(
                lambda: http.get(task).json()["status"] != "PENDING", 60, "no result"
            )
            document = http.get(task).json()
            assert document["status"] == "SUCCESS", document
            assert http.get(document["outputs"][0]["href"]).status_code == 200
            health = ("/opt/runner/bin/python", "-m", "tooling.healthcheck")
            assert output(engine, {"SERVER_PORT": str(port)}, *health) == (0, "")
        except Exception:
            for path in logs:
                print(path.name, path.read_text()[-5000:], sep="\n")
            raise
        assert "main is commit" in logs[0].read_text()


def _answers(http: requests.Session, url: str) -> bool:
    try:
        return http.get(url, timeout=2).status_code == 200
    except requests.RequestException:
        return False
