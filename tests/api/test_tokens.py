# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Tokens: optional, but valid if they are sent, and never an internal error."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import jwt as pyjwt
import pytest
from flask import Flask, g
from flask.testing import FlaskClient
from flask_jwt_extended import (
    create_access_token,
    create_refresh_token,
    get_jwt_identity,
    verify_jwt_in_request,
)

from api.probe_app import KEY, PROBE, create_probe_app
from qhana_plugin_runner.api import jwt, jwt_helper
from qhana_plugin_runner.api.jwt import DemoUser

OPTIONAL = f"{PROBE}/"
REQUIRED = f"{PROBE}/protected/"
REFRESH = f"{PROBE}/refresh/"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """An app with the probe plugin; errors are answers, not exceptions."""
    app = create_probe_app(tmp_path_factory.mktemp("probe"))
    with app.app_context():
        yield app


def bearer(token: str) -> dict[str, str]:
    """Return the header with a token."""
    return {"Authorization": f"Bearer {token}"}


def signed(key: str = KEY, algorithm: str = "HS256", **claims: Any) -> str:
    """Return a token with exactly these claims."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some keys are meant to be bad
        return pyjwt.encode(claims, key, algorithm=algorithm)


@pytest.fixture
def access_token(app: Flask) -> str:
    """A valid token."""
    with app.app_context():
        return create_access_token(DemoUser("alice"))


def test_the_old_module_has_the_same_names() -> None:
    for name in ("JWT", "SECURITY_SCHEMES", "DemoUser", "require_jwt"):
        assert getattr(jwt_helper, name) is getattr(jwt, name)


def test_a_view_with_optional_token_runs_without(client: FlaskClient) -> None:
    assert client.get(OPTIONAL).status_code == 200


def test_without_a_token_a_view_finds_what_the_library_leaves_there(app: Flask) -> None:
    view = jwt.require_jwt(optional=True)(lambda: dict(vars(g._get_current_object())))
    with app.test_request_context("/"):
        found = view()
    with app.test_request_context("/"):
        verify_jwt_in_request(optional=True)
        expected = dict(vars(g._get_current_object()))
    assert found == expected


def test_a_token_may_be_sent_in_other_places(
    app: Flask, access_token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(app.config, "JWT_TOKEN_LOCATION", ["headers", "query_string"])
    view = jwt.require_jwt(optional=True)(get_jwt_identity)
    with app.test_request_context(f"/?jwt={access_token}"):
        assert view() == "alice"


@pytest.mark.parametrize("path", [OPTIONAL, REQUIRED])
def test_a_valid_token_is_accepted(
    client: FlaskClient, access_token: str, path: str
) -> None:
    assert client.get(path, headers=bearer(access_token)).status_code == 200


@pytest.mark.parametrize("header", ["Basic YTpi", "Digest x", "Token abc", "", "x"])
def test_other_schemes_are_ignored(client: FlaskClient, header: str) -> None:
    headers = {"Authorization": header}
    assert client.get(OPTIONAL, headers=headers).status_code == 200
    assert client.get(REQUIRED, headers=headers).status_code == 401


def test_a_missing_token_is_asked_for(client: FlaskClient) -> None:
    answer = client.get(REQUIRED)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.json is not None
    assert answer.json["status"] == "Unauthorized"


BAD_TOKENS = {
    "malformed": "x",
    "three parts": "a.b.c",
    "not ascii": "\xe4.\xf6.\xfc",
    "two tokens": "a b",
    "no token": "",
    "forged": signed(key="another key, which is long enough, too", sub="a"),
    "debug key": signed(key="debug_secret", sub="a"),
    "no algorithm": signed(key="", algorithm="none", sub="a"),
    "no subject": signed(type="access", fresh=False, jti="1"),
    "subject is a number": signed(sub=3, type="access", fresh=False, jti="1"),
    "expired": signed(sub="a", type="access", fresh=False, jti="1", exp=1),
    "not yet valid": signed(sub="a", type="access", fresh=False, jti="1", nbf=2**33),
    "expiry is a text": signed(sub="a", type="access", fresh=False, jti="1", exp="x"),
}


@pytest.mark.parametrize("path", [OPTIONAL, REQUIRED])
@pytest.mark.parametrize("kind", sorted(BAD_TOKENS))
def test_a_bad_token_is_401_with_the_common_error_body(
    client: FlaskClient, path: str, kind: str
) -> None:
    answer = client.get(path, headers=bearer(BAD_TOKENS[kind]))
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert answer.json is not None
    assert answer.json.keys() == {"code", "status", "message"}
    assert (answer.json["code"], answer.json["status"]) == (401, "Unauthorized")


@pytest.mark.parametrize("path", ["/health/live/", "/healthz", "/static/forms.css"])
@pytest.mark.parametrize("kind", ["malformed", "expired"])
def test_what_is_for_everybody_does_not_look_at_tokens(
    client: FlaskClient, path: str, kind: str
) -> None:
    """A probe with a stale token must not get a server restarted."""
    assert client.get(path, headers=bearer(BAD_TOKENS[kind])).status_code == 200


def test_an_expired_token_of_the_runner_is_refused(
    app: Flask, client: FlaskClient
) -> None:
    with app.app_context():
        token = create_access_token(DemoUser("a"), expires_delta=timedelta(seconds=-1))
    answer = client.get(OPTIONAL, headers=bearer(token))
    assert answer.status_code == 401
    assert "expired" in answer.get_json()["message"]


def test_refresh_tokens_and_access_tokens_are_not_exchangeable(
    app: Flask, client: FlaskClient, access_token: str
) -> None:
    with app.app_context():
        refresh_token = create_refresh_token(DemoUser("alice"))
    assert client.get(REFRESH, headers=bearer(refresh_token)).status_code == 200
    assert client.get(REFRESH, headers=bearer(access_token)).status_code == 401
    assert client.get(REQUIRED, headers=bearer(refresh_token)).status_code == 401


def test_an_unknown_scheme_is_refused_when_the_view_is_declared() -> None:
    with pytest.raises(ValueError, match="jwt-refresh-token"):
        jwt.require_jwt("api-key")
