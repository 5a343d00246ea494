# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""A token that is not exactly right is 401, whether tokens are required or not."""

from __future__ import annotations

import base64
import json
import time
import warnings
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import jwt as pyjwt
import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_jwt_extended import create_refresh_token

from qhana_plugin_runner.access_tokens import create_token, revoke_token
from qhana_plugin_runner.api import revocation
from qhana_plugin_runner.service_token import create_service_token
from security.secured_app import HELLO, KEY, bearer, secured_app

AUDIENCE, ISSUER = "qhana", "https://issuer.example/"
GOOD: dict[str, Any] = {"sub": "alice", "iss": ISSUER, "aud": AUDIENCE, "jti": "1"}
RUNNER_ROUTE, PLUGIN_ROUTE = "/plugins/", f"{HELLO}/"


@pytest.fixture(scope="module", params=["optional", "required"])
def app(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Flask]:
    app = secured_app(
        tmp_path_factory.mktemp("tokens"),
        AUTHENTICATION=request.param,
        JWT_DECODE_ISSUER=ISSUER,
        JWT_DECODE_AUDIENCE=AUDIENCE,
    )
    with app.app_context():
        yield app


def make(
    key: Any = KEY, algorithm: str = "HS256", headers: Any = None, **claims: Any
) -> str:
    """Return a token that is good but for what is given; ``None`` leaves a claim out."""
    merged = {**GOOD, "exp": int(time.time()) + 60, **claims}
    merged = {name: value for name, value in merged.items() if value is not None}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some keys are meant to be bad
        return pyjwt.encode(merged, key, algorithm=algorithm, headers=headers)


def part(value: Any) -> str:
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def resigned(change: Callable[[list[str]], None]) -> str:
    """Return a good token whose three parts were changed after signing."""
    parts = make().split(".")
    change(parts)
    return ".".join(parts)


def _swap_payload(parts: list[str]) -> None:
    parts[1] = part({**GOOD, "sub": "root", "exp": int(time.time()) + 60})


def _claim_none(parts: list[str]) -> None:
    parts[0], parts[2] = part({"alg": "none", "typ": "JWT"}), ""


def _other_algorithm(parts: list[str]) -> None:
    parts[0] = part({"alg": "HS512", "typ": "JWT"})


def _cut_signature(parts: list[str]) -> None:
    parts[2] = parts[2][:-4]


PUBLIC_KEY = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA\n-----END PUBLIC KEY-----\n"

BAD: dict[str, Callable[[], str]] = {
    "no token at all": lambda: "",
    "one word": lambda: "x",
    "three words": lambda: "a.b.c",
    "five parts": lambda: "a.b.c.d.e",
    "other key": lambda: make(key="another key, which is long enough, too"),
    "debug key": lambda: make(key="debug_secret"),
    "algorithm none": lambda: make(key="", algorithm="none"),
    "algorithm none after signing": lambda: resigned(_claim_none),
    "algorithm NoNe": lambda: f"{part({'alg': 'NoNe'})}.{part(GOOD)}.",
    "algorithm is a list": lambda: f"{part({'alg': ['HS256']})}.{part(GOOD)}.x",
    "other algorithm": lambda: make(algorithm="HS512"),
    "other algorithm after signing": lambda: resigned(_other_algorithm),
    "asymmetric algorithm": lambda: f"{part({'alg': 'RS256'})}.{part(GOOD)}.AAAA",
    "payload changed": lambda: resigned(_swap_payload),
    "signature cut": lambda: resigned(_cut_signature),
    "signature missing": lambda: ".".join(make().split(".")[:2]),
    "payload is no JSON": lambda: f"{part({'alg': 'HS256'})}.{part(b'{')}.x",
    "payload is a list": lambda: f"{part({'alg': 'HS256'})}.{part([1])}.x",
    "header is a list": lambda: f"{part([1])}.{part(GOOD)}.x",
    "deep payload": lambda: f"{part({'alg': 'HS256'})}.{part(b'[' * 20_000)}.x",
    "expired": lambda: make(exp=int(time.time()) - 1),
    "expired long ago": lambda: make(exp=1),
    "expiry is a text": lambda: make(exp="never"),
    "expiry is infinite": lambda: make(exp=float("inf")),
    "expiry is no number": lambda: make(exp=float("nan")),
    "not yet valid": lambda: make(nbf=int(time.time()) + 60),
    "issued in the future": lambda: make(iat=int(time.time()) + 600),
    "no subject": lambda: make(sub=None),
    "empty subject": lambda: make(sub=""),
    "subject is a number": lambda: make(sub=3),
    "subject is a list": lambda: make(sub=["alice"]),
    "subject is too long": lambda: make(sub="a" * 256),
    "subject has a NUL": lambda: make(sub="alice\x00"),
    "subject has a line break": lambda: make(sub="alice\nX-Admin: 1"),
    "other audience": lambda: make(aud="another service"),
    "no audience": lambda: make(aud=None),
    "other issuer": lambda: make(iss="https://evil.example/"),
    "no issuer": lambda: make(iss=None),
    "type of another token": lambda: make(headers={"typ": "logout+jwt"}),
    "critical extension": lambda: make(headers={"crit": ["x"], "x": 1}),
    "refresh token": lambda: make(type="refresh"),
    "unknown type": lambda: make(type="session"),
    "name is a list": lambda: make(jti=["1"]),
    "type is a list": lambda: make(type=["access"]),
    "key of the runner's own tokens": lambda: make(headers={"kid": "qhana-internal"}),
    "key of somebody else": lambda: make(
        headers={"jku": "http://evil.example/"}, key="x"
    ),
    "public key as secret": lambda: f"{part({'alg': 'HS256'})}.{part(GOOD)}."
    + part(PUBLIC_KEY.encode()),
}


@pytest.mark.parametrize("path", [RUNNER_ROUTE, PLUGIN_ROUTE])
@pytest.mark.parametrize("kind", sorted(BAD))
def test_a_manipulated_token_is_refused(
    client: FlaskClient, kind: str, path: str
) -> None:
    answer = client.get(path, headers={"Authorization": f"Bearer {BAD[kind]()}"})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert answer.get_json().keys() == {"code", "status", "message"}
    assert (answer.get_json()["code"], answer.get_json()["status"]) == (
        401,
        "Unauthorized",
    )


GOOD_TOKENS: dict[str, Callable[[], str]] = {
    "plain": make,
    "typed by RFC 9068": lambda: make(headers={"typ": "at+jwt"}),
    "no type": lambda: make(headers={"typ": None}),
    "several audiences": lambda: make(aud=["x", AUDIENCE]),
    "without name": lambda: make(jti=None),
    "of the runner itself": lambda: create_service_token("alice"),
}


@pytest.mark.parametrize("path", [RUNNER_ROUTE, PLUGIN_ROUTE])
@pytest.mark.parametrize("kind", sorted(GOOD_TOKENS))
def test_a_valid_token_is_accepted(client: FlaskClient, kind: str, path: str) -> None:
    headers = {"Authorization": f"Bearer {GOOD_TOKENS[kind]()}"}
    assert client.get(path, headers=headers).status_code == 200


def test_a_revoked_token_is_refused(app: Flask, client: FlaskClient) -> None:
    row, token = create_token("alice", timedelta(hours=1))
    headers = {"Authorization": f"Bearer {token}"}
    assert client.get(RUNNER_ROUTE, headers=headers).status_code == 200
    revoke_token(row.id)
    answer = client.get(RUNNER_ROUTE, headers=headers)
    assert answer.status_code == 401
    assert "revoked" in answer.get_json()["message"]


def test_another_process_hears_of_a_revocation_within_seconds(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    row, token = create_token("alice", timedelta(hours=1))
    headers = {"Authorization": f"Bearer {token}"}
    assert client.get(RUNNER_ROUTE, headers=headers).status_code == 200
    monkeypatch.setattr(revocation, "forget", lambda: None)  # it was another process
    revoke_token(row.id)
    assert client.get(RUNNER_ROUTE, headers=headers).status_code == 200
    monkeypatch.setattr(revocation, "SECONDS_UNKNOWN", -1.0)
    assert client.get(RUNNER_ROUTE, headers=headers).status_code == 401


def test_a_refresh_token_of_the_runner_is_no_access_token(
    app: Flask, client: FlaskClient
) -> None:
    token = create_refresh_token(
        "alice", additional_claims={"iss": ISSUER, "aud": AUDIENCE}
    )
    headers = {"Authorization": f"Bearer {token}"}
    assert client.get(RUNNER_ROUTE, headers=headers).status_code == 401


def test_the_header_counts_for_unsafe_requests_from_anywhere(
    app: Flask, client: FlaskClient
) -> None:
    headers = {
        **bearer(app, "alice", iss=ISSUER, aud=AUDIENCE),
        "Origin": "http://x.example",
    }
    answer = client.post(f"{HELLO}/process/", data={"inputStr": "x"}, headers=headers)
    assert answer.status_code == 303
