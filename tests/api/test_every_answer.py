# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Rules that hold for every route: methods, slashes, CORS, headers, JSON, hosts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from flask import Flask
from flask.testing import FlaskClient

from qhana_plugin_runner.api import browser_rules, cors
from qhana_plugin_runner.db.models.tasks import ProcessingTask

if TYPE_CHECKING:
    from collections.abc import Callable

    MakeApp = Callable[..., Flask]

ORIGIN = "https://ui.example"
LAB = "/plugins/api-lab@v1-2-0"

PAGES = [
    "/",
    "/plugins/",
    "/plugins",
    "/plugins/api-lab/",
    f"{LAB}/",
    f"{LAB}/ui/",
    f"{LAB}/null/",
    f"{LAB}/errors/other/",
    f"{LAB}/token/required/",
    "/plugins/api-lab-plain@v1-0-0/",
    "/tasks/1/",
    "/tasks/999999/",
    "/files/1/",
    "/api-spec.json",
    "/redoc/",
    "/rapidoc/",
    "/swagger-ui/",
    "/licenses/",
    "/static/forms.css",
    "/static/missing.css",
    "/unknown/",
]

ROUTES = [page for page in PAGES if not page.startswith(("/unknown", "/static/missing"))]


@pytest.fixture(scope="module")
def debug_app(make_app: MakeApp) -> Flask:
    return make_app(debug=True)


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS", "DELETE"])
@pytest.mark.parametrize("headers", [{}, {"Origin": ORIGIN}])
def test_every_answer_may_be_read_by_all_origins(
    client: FlaskClient, page: str, method: str, headers: dict[str, str]
):
    answer = client.open(page, method=method, headers=headers)
    assert answer.headers.getlist("Access-Control-Allow-Origin") == ["*"]
    assert "Access-Control-Allow-Credentials" not in answer.headers
    assert ("Origin" in answer.vary) is bool(headers)


@pytest.mark.parametrize("page", ROUTES)
def test_preflight_is_answered(client: FlaskClient, page: str):
    answer = client.options(
        page,
        headers={
            "Origin": ORIGIN,
            "Access-Control-Request-Method": "PATCH",
            "Access-Control-Request-Headers": "X-Something, content-type",
        },
    )
    assert answer.status_code == 200
    assert answer.headers.getlist("Access-Control-Allow-Origin") == [ORIGIN]
    assert answer.headers["Access-Control-Allow-Methods"] == (
        "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"
    )
    allowed = answer.headers["Access-Control-Allow-Headers"]
    assert allowed == "X-Something, content-type"
    assert "Origin" in answer.vary


def test_preflight_without_headers(client: FlaskClient):
    headers = {"Origin": ORIGIN, "Access-Control-Request-Method": "GET"}
    answer = client.options("/", headers=headers)
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "Access-Control-Allow-Headers" not in answer.headers


@pytest.mark.parametrize("origins", [[ORIGIN, "https://other.example"], ORIGIN])
def test_origins_can_be_limited(origins: object):
    app = Flask(__name__)
    app.config["CORS_ORIGINS"] = origins
    app.add_url_rule("/", "root", lambda: "")
    cors.init_app(app)
    browser_rules.init_app(app)
    client = app.test_client()
    preflight = {"Access-Control-Request-Method": "GET"}
    for more in ({}, preflight):
        for origin, allowed in ((ORIGIN, ORIGIN), ("https://evil.example", None)):
            answer = client.options("/", headers={"Origin": origin, **more})
            assert answer.headers.get("Access-Control-Allow-Origin") == allowed
            assert "Origin" in answer.vary
    assert "Access-Control-Allow-Origin" not in client.get("/").headers


@pytest.mark.parametrize("page", PAGES)
def test_no_answer_forbids_framing(client: FlaskClient, page: str):
    headers = client.get(page, headers={"Accept": "text/html"}).headers
    assert "X-Frame-Options" not in headers
    assert "frame-ancestors" not in headers.get("Content-Security-Policy", "")


@pytest.mark.parametrize("page", [f"{LAB}/", f"{LAB}/ui/", "/plugins/"])
def test_plugins_may_load_scripts_from_anywhere(client: FlaskClient, page: str):
    assert "Content-Security-Policy" not in client.get(page).headers


@pytest.mark.parametrize("page", PAGES)
def test_no_answer_may_be_sniffed(client: FlaskClient, page: str):
    headers = client.get(page).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "strict-origin-when-cross-origin"


@pytest.mark.parametrize("page", ["/", "/licenses/", "/not-there/"])
def test_pages_of_the_runner_run_no_inline_scripts(client: FlaskClient, page: str):
    answer = client.get(page, headers={"Accept": "text/html"})
    assert answer.mimetype == "text/html"
    (policy,) = answer.headers.getlist("Content-Security-Policy")
    assert "default-src 'none'; script-src 'self';" in policy
    assert "unsafe-inline" not in policy


def test_the_policy_of_a_page_is_not_that_of_the_next(client: FlaskClient):
    with client:
        client.get("/", headers={"Accept": "text/html"})
        answer = client.get(f"{LAB}/ui/")
    assert "Content-Security-Policy" not in answer.headers


@pytest.mark.parametrize(
    ("scheme", "seconds", "expected"),
    [
        ("https", None, "max-age=31536000"),
        ("https", 60, "max-age=60"),
        ("https", 0, None),
        ("http", None, None),
    ],
)
def test_tls_is_asked_for_once_it_was_used(
    make_app: MakeApp, scheme: str, seconds: int | None, expected: str | None
):
    app = make_app(**({} if seconds is None else {"HSTS_SECONDS": seconds}))
    for page in ("/", "/not-there/"):
        answer = app.test_client().get(page, base_url=f"{scheme}://runner.example/")
        assert answer.headers.get("Strict-Transport-Security") == expected


def test_framing_can_be_limited(make_app: MakeApp):
    app = make_app(FRAME_ANCESTORS=["'self'", ORIGIN])
    for page in ("/licenses/", "/redoc/"):
        policies = app.test_client().get(page).headers.getlist("Content-Security-Policy")
        assert f"frame-ancestors 'self' {ORIGIN}" in policies
    assert "Content-Security-Policy" not in app.test_client().get("/plugins/").headers


@pytest.mark.parametrize("page", ROUTES)
def test_head_is_get_without_body(client: FlaskClient, page: str):
    got, head = client.get(page), client.head(page)
    assert head.status_code == got.status_code
    assert head.content_type == got.content_type
    assert head.data == b""


@pytest.mark.parametrize("page", [p for p in ROUTES if p not in ("/plugins",)])
def test_options_lists_the_methods(client: FlaskClient, page: str):
    answer = client.options(page)
    assert answer.status_code == 200
    assert {"GET", "HEAD", "OPTIONS"} <= answer.allow


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/plugins", "/plugins/"),
        ("/tasks/1", "/tasks/1/"),
        ("/files/1?file-id=x", "/files/1/?file-id=x"),
        ("/plugins/api-lab", "/plugins/api-lab/"),
        (f"{LAB}/ui?inputStr=x", f"{LAB}/ui/?inputStr=x"),
        ("/redoc", "/redoc/"),
        ("/swagger-ui", "/swagger-ui/"),
        ("/rapidoc", "/rapidoc/"),
        ("/licenses", "/licenses/"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_missing_slash_is_a_permanent_redirect(
    client: FlaskClient, path: str, target: str, method: str
):
    answer = client.open(path, method=method)
    assert answer.status_code == 308
    assert answer.location.removeprefix("http://localhost") == target


def test_redirect_keeps_method_and_body(client: FlaskClient):
    answer = client.post(
        f"{LAB}/process", data={"inputStr": "text"}, follow_redirects=True
    )
    assert answer.json["inputStr"] == "text"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/"),
        ("POST", "/plugins/"),
        ("PATCH", "/tasks/1/"),
        ("GET", "/tasks/1/cancel/"),
        ("PUT", "/tasks/1/"),
        ("POST", "/files/1/"),
        ("TRACE", "/tasks/1/"),
        ("BREW", "/tasks/1/"),
        ("GET", f"{LAB}/process/"),
        ("POST", "/api-spec.json"),
    ],
)
def test_other_methods_are_not_allowed(client: FlaskClient, method: str, path: str):
    answer = client.open(path, method=method)
    assert answer.status_code == 405
    assert answer.json == {"code": 405, "status": "Method Not Allowed"}
    assert "OPTIONS" in answer.allow
    assert method not in answer.allow


def test_json_is_compact_with_sorted_keys(client: FlaskClient, task: ProcessingTask):
    for path in ("/plugins/", f"/tasks/{task.id}/", f"{LAB}/", "/unknown/"):
        text = client.get(path).text
        plain = json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"))
        assert text == plain + "\n"


def test_json_is_indented_in_debug_mode(debug_app: Flask):
    client = debug_app.test_client()
    for path in ("/", "/plugins/", "/unknown/"):
        text = client.get(path).text
        assert text == json.dumps(json.loads(text), sort_keys=True, indent=2) + "\n"


def test_json_is_utf_8(client: FlaskClient):
    answer = client.get(f"{LAB}/ui/?inputStr=%C3%A4")
    assert answer.content_type == "application/json"
    assert json.loads(answer.data.decode("utf-8"))["values"] == {"inputStr": "ä"}


@pytest.mark.parametrize("prefix", ["/api", "api/v1/"])
def test_prefix_moves_the_api_and_nothing_else(make_app: MakeApp, prefix: str):
    from_here = make_app(
        debug=True, OPENAPI_URL_PREFIX=prefix, PLUGIN_FOLDERS=["plugins"]
    )
    client = from_here.test_client()
    root = "/" + prefix.strip("/")
    plugin = f"{root}/plugins/hello-world@v1-0-0/"
    for path in ("/", "/plugins/", "/api-spec.json", "/redoc/", "/tasks/9/"):
        status = 404 if path == "/tasks/9/" else 200
        assert client.get(root + path).status_code == status
        assert client.get(path).status_code == 404
    assert client.get(plugin).json["entryPoint"]["href"] == f"{plugin}process/"
    assert client.get(f"{root}/plugins/hello-world/").location == plugin
    listed = client.get(f"{root}/plugins/").json["plugins"]
    assert f"http://localhost{plugin}" in [entry["apiRoot"] for entry in listed]
    for path in ("/static/forms.css", "/licenses/", "/debug/"):
        assert client.get(path).status_code == 200
    paths = client.get(f"{root}/api-spec.json").json["paths"]
    assert {path.startswith(f"{root}/") for path in paths} == {True}


def test_urls_contain_the_path_of_a_proxy(client: FlaskClient, task: ProcessingTask):
    base = "http://localhost/runner"
    document = client.get(f"/tasks/{task.id}/", base_url=base).json
    assert document["links"][0]["href"] == f"{base}/tasks/{task.id}/"
    listed = client.get("/plugins/", base_url=base).json["plugins"]
    assert listed[0]["apiRoot"] == f"{base}{LAB}/"
    answer = client.get("/plugins/api-lab/", base_url=base)
    assert answer.location == f"/runner{LAB}/"
    document = client.get("/api-spec.json", base_url=base).json
    assert document["servers"] == [{"url": "/runner"}]
    assert "servers" not in client.get("/api-spec.json").json


def test_forwarded_hosts_count_only_behind_proxies(make_app: MakeApp):
    headers = {"X-Forwarded-Host": "public.example", "X-Forwarded-Proto": "https"}
    for count, root in ((0, "http://localhost/"), (1, "https://public.example/")):
        app = make_app(REVERSE_PROXY_COUNT=count, PLUGIN_FOLDERS=["plugins"])
        listed = app.test_client().get("/plugins/", headers=headers).json["plugins"]
        assert listed[0]["apiRoot"].startswith(root)


def test_server_name_does_not_keep_other_hosts_out(make_app: MakeApp):
    client = make_app(SERVER_NAME="public.example").test_client()
    for host in ("http://public.example", "http://10.0.0.7:5005"):
        assert client.get("/plugins/", base_url=host).status_code == 200


@pytest.mark.parametrize("accept", ["application/json", "text/html"])
@pytest.mark.parametrize("host", ["a b<>", "a/b", "evil\texample", "ü", "a,b"])
def test_malformed_host_is_a_bad_request(client: FlaskClient, host: str, accept: str):
    for path in ("/", "/plugins/", "/tasks/1/", "/unknown/"):
        headers = {"Host": host, "Accept": accept}
        answer = client.get(path, headers=headers)
        assert answer.status_code == 400
        assert answer.mimetype == accept


@pytest.mark.parametrize("host", ["runner", "runner:5005", "[::1]:5005", "10.0.0.1"])
def test_any_host_is_answered(client: FlaskClient, host: str):
    assert client.get("/plugins/", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("accept", ["application/json", "text/html"])
def test_hosts_can_be_limited(make_app: MakeApp, accept: str):
    client = make_app(TRUSTED_HOSTS=["runner.example"]).test_client()
    headers = {"Accept": accept}
    good = client.get("/", base_url="http://runner.example:5005", headers=headers)
    assert good.status_code == 200
    bad = client.get("/", base_url="http://evil.example", headers=headers)
    assert (bad.status_code, bad.json["code"]) == (400, 400)
    assert "evil.example" not in bad.text


def test_language_of_a_page_follows_the_request(make_app: MakeApp):
    client = make_app().test_client()
    german = {"Accept": "text/html", "Accept-Language": "de-DE,de;q=0.9,en;q=0.8"}
    english = {"Accept": "text/html", "Accept-Language": "fr,en;q=0.8,de;q=0.2"}
    pages = [client.get("/unknown/", headers=head).text for head in (german, english)]
    assert 'lang="de"' in pages[0]
    assert 'lang="en"' in pages[1]
