# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Browsers log in with a cookie that other sites cannot use."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from qhana_plugin_runner.frontend.login import COOKIE, safe_target
from security.secured_app import HELLO, bearer, newest_task, secured_app, token_for

OWN, FRIEND = "http://localhost", "https://friend.example"
SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin"}
HTML = {"Accept": "text/html"}
PROCESS = f"{HELLO}/process/"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    app = secured_app(tmp_path_factory.mktemp("login"), CORS_ORIGINS=[FRIEND])
    with app.app_context():
        yield app


@pytest.fixture
def logged_in(app: Flask, client: FlaskClient) -> FlaskClient:
    """A browser of alice."""
    answer = log_in(client, token_for(app, "alice"))
    assert answer.status_code == 303
    return client


def log_in(client: FlaskClient, token: str, **kwargs: Any) -> Any:
    data = {"token": token, "next": kwargs.pop("target", "")}
    return client.post("/login/", data=data, headers=SAME_ORIGIN, **kwargs)


def test_a_person_is_sent_to_the_login_page_and_back(
    app: Flask, client: FlaskClient
) -> None:
    wanted = f"{HELLO}/ui/?inputStr=a%20b"
    answer = client.get(wanted, headers=HTML)
    assert answer.status_code == 303
    page = client.get(answer.location, headers=HTML)
    assert page.status_code == 200
    (target,) = [
        line.partition('value="')[2].partition('"')[0]
        for line in page.text.splitlines()
        if 'name="next"' in line
    ]
    assert log_in(client, token_for(app, "alice"), target=target).location == target
    assert client.get(target, headers=HTML).status_code == 200


def test_the_page_has_a_label_and_no_script(client: FlaskClient) -> None:
    page = client.get("/login/")
    assert '<label for="token">' in page.text and "<script" not in page.text
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert page.headers["Cache-Control"] == "no-store"


def test_the_page_speaks_german(tmp_path: Path) -> None:
    client = secured_app(tmp_path).test_client()
    page = client.get("/login/", headers={"Accept-Language": "de"})
    assert "Anmelden" in page.text


def test_only_get_requests_of_browsers_are_redirected(client: FlaskClient) -> None:
    answer = client.post(PROCESS, headers=HTML)
    assert answer.status_code == 401
    assert client.get("/plugins/", headers={"Accept": "*/*"}).status_code == 401


def test_scripts_and_other_sites_do_not_get_the_cookie(
    app: Flask, client: FlaskClient
) -> None:
    cookie = log_in(client, token_for(app, "alice")).headers["Set-Cookie"]
    assert cookie.startswith(f"{COOKIE}=")
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie and "Path=/" in cookie
    assert "Secure" not in cookie
    secure = log_in(client, token_for(app, "alice"), base_url="https://localhost")
    assert "Secure" in secure.headers["Set-Cookie"]


def test_a_setting_lets_frames_of_other_sites_use_the_cookie(tmp_path: Path) -> None:
    app = secured_app(tmp_path, LOGIN_COOKIE_SAMESITE="None")
    cookie = log_in(app.test_client(), token_for(app, "alice")).headers["Set-Cookie"]
    assert "SameSite=None" in cookie and "Secure" in cookie


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "x" * 5000, "ä", "\x00"])
def test_a_bad_token_is_refused_with_a_sentence(client: FlaskClient, token: str) -> None:
    answer = log_in(client, token)
    assert answer.status_code in (400, 401)
    assert 'role="alert"' in answer.text
    assert "Set-Cookie" not in answer.headers


def test_whoever_is_logged_in_acts_for_themselves(logged_in: FlaskClient) -> None:
    answer = logged_in.post(PROCESS, data={"inputStr": "x"}, headers=SAME_ORIGIN)
    assert answer.status_code == 303
    assert newest_task().owner == "alice"


def test_the_index_shows_the_plugins_to_whoever_is_logged_in(
    logged_in: FlaskClient,
) -> None:
    page = logged_in.get("/", headers=HTML)
    assert page.status_code == 200
    assert f'href="{HELLO}/ui/"' in page.text
    assert 'href="/login/"' in page.text


def test_logging_out_ends_it(logged_in: FlaskClient) -> None:
    assert "alice" in logged_in.get("/login/").text
    answer = logged_in.post("/logout/", headers=SAME_ORIGIN)
    assert (answer.status_code, answer.location) == (303, "/login/")
    assert logged_in.get(f"{HELLO}/ui/").status_code == 401


def test_an_old_cookie_is_like_none(client: FlaskClient) -> None:
    client.set_cookie(COOKIE, "a.b.c")
    assert client.get("/plugins/").status_code == 401
    assert client.get("/plugins/", headers=HTML).location.startswith("/login/")
    assert client.get("/login/").status_code == 200


def test_an_old_cookie_does_not_matter_where_tokens_are_optional(tmp_path: Path) -> None:
    client = secured_app(tmp_path, AUTHENTICATION="optional").test_client()
    client.set_cookie(COOKIE, "a.b.c")
    assert client.get(f"{HELLO}/ui/").status_code == 200


ORIGINS: list[tuple[dict[str, str], bool]] = [
    ({"Sec-Fetch-Site": "same-origin"}, True),
    ({"Sec-Fetch-Site": "none"}, True),
    ({"Sec-Fetch-Site": "same-origin", "Origin": OWN}, True),
    ({"Origin": OWN}, True),
    ({"Origin": FRIEND}, True),
    ({"Sec-Fetch-Site": "cross-site", "Origin": FRIEND}, True),
    ({}, False),
    ({"Sec-Fetch-Site": "cross-site"}, False),
    ({"Sec-Fetch-Site": "same-site"}, False),
    ({"Sec-Fetch-Site": "cross-site", "Origin": OWN}, False),
    ({"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}, False),
    ({"Origin": "https://evil.example"}, False),
    ({"Origin": "https://localhost"}, False),
    ({"Origin": "http://localhost:5005"}, False),
    ({"Origin": "http://localhost.evil.example"}, False),
    ({"Origin": "null"}, False),
    ({"Origin": "*"}, False),
    ({"Referer": f"{OWN}/"}, False),
]


@pytest.mark.parametrize(("headers", "allowed"), ORIGINS)
def test_a_request_with_the_cookie_must_come_from_the_own_pages(
    logged_in: FlaskClient, headers: dict[str, str], allowed: bool
) -> None:
    answer = logged_in.post(PROCESS, data={"inputStr": "x"}, headers=headers)
    assert answer.status_code == (303 if allowed else 403)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_every_unsafe_method_is_checked(logged_in: FlaskClient, method: str) -> None:
    answer = logged_in.open(
        PROCESS, method=method, headers={"Origin": "http://x.example"}
    )
    assert answer.status_code == 403


def test_the_star_of_cors_is_no_friend(tmp_path: Path) -> None:
    app = secured_app(tmp_path, CORS_ORIGINS=["*"])
    client = app.test_client()
    log_in(client, token_for(app, "alice"))
    for origin in ("https://evil.example", "*"):
        answer = client.post(PROCESS, headers={"Origin": origin})
        assert answer.status_code == 403


@pytest.mark.parametrize("path", ["/login/", "/logout/"])
def test_nobody_else_can_log_a_browser_in_or_out(
    app: Flask, client: FlaskClient, path: str
) -> None:
    answer = client.post(
        path,
        data={"token": token_for(app, "mallory")},
        headers={"Origin": "http://x.example"},
    )
    assert answer.status_code == 403
    assert "Set-Cookie" not in answer.headers


def test_a_header_beside_the_cookie_counts_more(
    app: Flask, logged_in: FlaskClient
) -> None:
    headers = bearer(app, "bob")
    logged_in.post(PROCESS, data={"inputStr": "x"}, headers=headers)
    assert newest_task().owner == "bob"


def test_the_cookie_works_behind_a_proxy_with_basic_authentication(
    logged_in: FlaskClient,
) -> None:
    answer = logged_in.get("/plugins/", headers={"Authorization": "Basic YTpi"})
    assert answer.status_code == 200


TARGETS = {
    "/": "/",
    "/plugins/": "/plugins/",
    "/plugins/x@v1/ui/?a=1&b=%20": "/plugins/x@v1/ui/?a=1&b=%20",
    "": None,
    "plugins/": None,
    "//evil.example/": None,
    "///evil.example/": None,
    "/\\evil.example/": None,
    "\\\\evil.example": None,
    "http://evil.example/": None,
    "https:evil.example": None,
    "javascript:alert(1)": None,
    "/\t/evil.example/": None,
    "/\n/evil.example/": None,
    "/ /evil.example": None,
    " //evil.example": None,
    "/plugins/\r\nSet-Cookie: a=b": None,
}


@pytest.mark.parametrize(("target", "expected"), TARGETS.items())
def test_the_login_only_leads_to_this_origin(target: str, expected: str | None) -> None:
    assert safe_target(target) == expected


def test_a_bad_target_leads_to_the_index(app: Flask, client: FlaskClient) -> None:
    answer = log_in(client, token_for(app, "alice"), target="//evil.example/")
    assert answer.location == "/"
