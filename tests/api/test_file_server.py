# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Local files that the web server in front of the runner sends."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import requests
from flask import Flask

from qhana_plugin_runner.db.models.tasks import ProcessingTask, TaskFile
from qhana_plugin_runner.storage import STORE, LocalFileStore
from runner_process import ROOT, Runner, free_port, runner

MakeApp = Callable[..., Flask]


def stored(name: str = "ä b.txt") -> TaskFile:
    task = ProcessingTask(task_name="t")
    task.save(commit=True)
    return STORE.persist_task_result(task.id, b"content", name, "custom", "text/plain")


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        (None, "/_files/task_1/out/%C3%A4%20b.txt"),
        ("/private/", "/private/task_1/out/%C3%A4%20b.txt"),
    ],
)
def test_x_accel_redirect_is_a_path_below_the_prefix(
    make_app: MakeApp, prefix: str | None, expected: str
) -> None:
    app = make_app(FILE_SERVE_HEADER="x-accel-redirect", FILE_SERVE_PREFIX=prefix)
    with app.app_context():
        row = stored()
        answer = app.test_client().get(f"/files/{row.id}/?file-id={row.security_tag}")
    assert answer.headers["X-Accel-Redirect"] == expected
    assert answer.data == b""
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "ETag" not in answer.headers


def test_x_sendfile_is_the_file_or_the_same_below_the_prefix(make_app: MakeApp) -> None:
    for prefix in (None, "/srv/files"):
        app = make_app(FILE_SERVE_HEADER="x-sendfile", FILE_SERVE_PREFIX=prefix)
        with app.app_context():
            row = stored()
            store = STORE["local_filesystem"]
            assert isinstance(store, LocalFileStore)
            answer = app.test_client().get(f"/files/{row.id}/?file-id={row.security_tag}")
        root = prefix or str(store.root)
        assert unquote(answer.headers["X-Sendfile"]) == f"{root}/task_1/out/ä b.txt"


def test_file_that_is_not_on_this_machine_is_sent_by_the_runner(
    make_app: MakeApp,
) -> None:
    app = make_app(
        FILE_SERVE_HEADER="x-accel-redirect",
        DEFAULT_FILE_STORE="object_store",
        OBJECT_STORE_URL="memory://bucket/files",
    )
    with app.app_context():
        row = stored()
        answer = app.test_client().get(f"/files/{row.id}/?file-id={row.security_tag}")
    assert (answer.data, "X-Accel-Redirect" in answer.headers) == (b"content", False)


def test_wrong_tag_reveals_no_path(make_app: MakeApp) -> None:
    app = make_app(FILE_SERVE_HEADER="x-accel-redirect")
    with app.app_context():
        row = stored()
        answer = app.test_client().get(f"/files/{row.id}/?file-id=no")
    assert (answer.status_code, "X-Accel-Redirect" in answer.headers) == (404, False)


@contextmanager
def nginx(folder: Path, instance: Runner) -> Iterator[str]:
    """Run nginx with the documented configuration; yields its URL."""
    executable = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if executable is None:
        if os.environ.get("CI") == "true":
            pytest.fail("needs nginx")
        pytest.skip("needs nginx")
    port = free_port()
    server = (ROOT / "docs" / "examples" / "nginx-files.conf").read_text()
    server = server.replace("listen 80;", f"listen 127.0.0.1:{port};")
    server = server.replace("127.0.0.1:8080", f"127.0.0.1:{instance.port}")
    server = server.replace("/app/instance/", f"{instance.folder}/instance/")
    (folder / "nginx.conf").write_text(
        f"daemon off; master_process off; pid {folder}/nginx.pid;\n"
        f"error_log {folder}/error.log; events {{}}\n"
        f"http {{ access_log off; client_body_temp_path {folder}/body;\n"
        f"proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;\n"
        f"uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;\n{server}}}\n"
    )
    process = subprocess.Popen(
        [executable, "-p", str(folder), "-c", str(folder / "nginx.conf")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}/"
    try:
        deadline = time.monotonic() + 15
        while True:
            try:
                instance.http.get(url, timeout=5)
                break
            except requests.ConnectionError:
                assert process.poll() is None, (folder / "error.log").read_text()
                assert time.monotonic() < deadline
                time.sleep(0.05)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=15)


@pytest.fixture(scope="module")
def links(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The URL of a file that nginx sends, and of the same from a runner that sends it."""
    folder = tmp_path_factory.mktemp("nginx")
    settings = {"FILE_SERVE_HEADER": "x-accel-redirect", "REVERSE_PROXY_COUNT": "1"}
    with runner(folder, **settings) as instance:
        instance.start_server()
        instance.start_worker()
        task = instance.wait_task(
            instance.submit({"op": "file", "name": "ä #1.txt", "text": "0123456789"})
        )
        parts = urlsplit(task["outputs"][0]["href"])
        path = f"{parts.path.lstrip('/')}?{parts.query}"
        direct = Runner(folder)
        try:
            direct.start_server()
            with nginx(folder, instance) as url:
                yield f"{url}{path}", f"{direct.url}{path}"
        finally:
            direct.close()


def get(url: str, **headers: str) -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False
        return session.get(url, headers=headers, timeout=10)


ORIGIN = {"Origin": "https://ui.example"}


def test_nginx_sends_the_file_with_the_headers_of_the_runner(
    links: tuple[str, str],
) -> None:
    through_nginx, from_runner = (get(url, **ORIGIN) for url in links)
    assert through_nginx.content == from_runner.content == b"0123456789"
    varying = {"Date", "Server", "Connection", "ETag", "Last-Modified", "X-Request-ID"}
    expected = {k: v for k, v in from_runner.headers.items() if k not in varying}
    actual = {k: v for k, v in through_nginx.headers.items() if k not in varying}
    assert actual == expected
    assert through_nginx.headers["ETag"]
    assert through_nginx.headers["X-Request-ID"]


def test_nginx_sends_ranges_and_nothing_that_did_not_change(
    links: tuple[str, str],
) -> None:
    url, _ = links
    part = get(url, Range="bytes=2-4")
    assert (part.status_code, part.content) == (206, b"234")
    assert part.headers["Content-Security-Policy"].startswith("sandbox")
    same = get(url, **{"If-None-Match": part.headers["ETag"]})
    assert (same.status_code, same.content) == (304, b"")


def test_folder_of_the_store_is_not_public(links: tuple[str, str]) -> None:
    parts = urlsplit(links[0])
    url = f"{parts.scheme}://{parts.netloc}/_files/task_1/out/"
    assert get(url).status_code == 404
    assert get(links[0].replace("file-id=", "file-id=x")).status_code == 404
