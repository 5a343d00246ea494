# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The runner behind nginx, with TLS and below a prefix."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
import requests

from deployment.nginx import ADDRESS, make_certificate, nginx
from runner_process import ROOT, Runner, free_port, runner

pytest.importorskip("sklearn")
pytest.importorskip("plotly")

# Where other addresses are named on purpose: licences, schemas, documentation.
FOREIGN = ("https://spdx.org/", "https://www.apache.org/", "http://localhost:4201")


@dataclass
class Site:
    """A runner behind nginx."""

    root: str
    certificate: Path
    runner: Runner
    http: requests.Session


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("proxy")
    (folder / "nginx").mkdir()
    certificate = make_certificate(folder / "nginx")
    settings = {
        "REVERSE_PROXY_COUNT": "1",
        "FILE_SERVE_HEADER": "x-accel-redirect",
        "PLUGIN_FOLDERS": str(ROOT / "plugins"),
        # The worker fetches inputs from the runner's own URLs.
        "REQUESTS_CA_BUNDLE": str(certificate),
        "NO_PROXY": ADDRESS,
        "FLASK_DEBUG": "false",
    }
    port = free_port()
    files = folder / "instance" / "files"
    with runner(folder, **settings) as instance:
        instance.start_server()
        instance.start_worker()
        with nginx(folder / "nginx", port, instance.port, files):
            http = requests.Session()
            http.trust_env = False
            http.verify = str(certificate)
            root = f"https://{ADDRESS}:{port}/runner/"
            yield Site(root, certificate, instance, http)


def test_the_demo_passes(site: Site, tmp_path: Path) -> None:
    env = {**os.environ, "REQUESTS_CA_BUNDLE": str(site.certificate), "NO_PROXY": ADDRESS}
    command = [sys.executable, "-m", "invoke", "demo", "--url", site.root]
    result = subprocess.run(
        command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=200
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "Adjusted Rand index" in result.stdout
    urls = re.findall(r"https?://\S+", result.stdout)
    assert len(urls) > 8
    assert all(url.startswith(site.root) for url in urls)


def urls_in(value: Any) -> Iterator[str]:
    """Yield every text in a JSON value that is an address."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from urls_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from urls_in(inner)
    elif isinstance(value, str) and re.match(r"(https?://|/)\S*$", value):
        yield value


def submit(site: Site) -> str:
    """Run the plugin with steps up to its question; returns the URL of its task."""
    answer = site.http.post(
        f"{site.root}plugins/hello-world@v1-0-0/process/", data={"inputStr": "hello"}
    )
    assert answer.status_code == 200, answer.text
    site.runner.wait_task(
        urljoin(site.runner.url, urlsplit(answer.url).path.removeprefix("/runner"))
    )
    return answer.url


def test_every_url_in_every_answer_leads_through_the_proxy(site: Site) -> None:
    submit(site)
    task = submit(site)
    waiting = [site.root, f"{site.root}plugins/", task]
    seen: set[str] = set()
    foreign: dict[str, str] = {}
    documents = 0
    while waiting:
        url = waiting.pop()
        if url in seen or url.endswith("/events/"):
            continue  # a stream without an end
        seen.add(url)
        answer = site.http.get(
            url, headers={"Accept": "application/json"}, allow_redirects=False
        )
        # An endpoint that takes only POST is an address, too.
        assert answer.status_code in (200, 303, 308, 405, 422), (url, answer.text)
        location = answer.headers.get("Location")
        if location:
            assert urljoin(url, location).startswith(site.root), (url, location)
        if not answer.headers.get("Content-Type", "").startswith("application/json"):
            continue
        documents += 1
        for found in urls_in(answer.json()):
            target = urljoin(url, found)
            if target.startswith(site.root):
                waiting.append(target)
            elif not found.startswith(FOREIGN):
                foreign[found] = url
    assert foreign == {}
    assert documents > 10
    assert task in seen


def test_pages_refer_to_files_below_the_prefix(site: Site) -> None:
    for path in ("", "plugins/hello-world@v1-0-0/ui/", "redoc/", "swagger-ui/"):
        url = f"{site.root}{path}"
        page = site.http.get(url, headers={"Accept": "text/html"})
        assert page.status_code == 200, url
        links = re.findall(r'(?:href|src|action)="([^"#][^"]*)"', page.text)
        assert links, url
        for link in links:
            if link.startswith(("data:", "mailto:", *FOREIGN)):
                continue
            assert urljoin(url, link).startswith(site.root), (url, link)


def test_the_openapi_document_names_the_prefix(site: Site) -> None:
    document = site.http.get(f"{site.root}api-spec.json").json()
    servers = [urljoin(site.root, server["url"]) for server in document["servers"]]
    assert [server.rstrip("/") + "/" for server in servers] == [site.root]


def test_files_are_sent_by_nginx(site: Site) -> None:
    document = site.http.get(submit(site)).json()
    answer = site.http.get(document["outputs"][0]["href"])
    assert answer.text == "hello"
    assert answer.headers["Content-Security-Policy"].startswith("sandbox")
    # What the client says about itself counts for nothing.
    forged = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "http"}
    again = site.http.get(f"{site.root}plugins/", headers=forged)
    assert "evil.example" not in again.text


def test_a_runner_that_is_away_is_a_json_answer(site: Site, tmp_path: Path) -> None:
    for name in ("key.pem", "certificate.pem"):
        (tmp_path / name).write_bytes((site.certificate.parent / name).read_bytes())
    port = free_port()
    with nginx(tmp_path, port, free_port(), tmp_path):
        answer = site.http.get(f"https://{ADDRESS}:{port}/runner/plugins/")
    assert answer.status_code == 503
    assert answer.json()["code"] == 503
    assert answer.headers["Retry-After"] == "5"
