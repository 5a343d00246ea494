# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Tokens of an identity provider: its keys are fetched, kept, and change."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jwt as pyjwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask import Flask
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from qhana_plugin_runner.api import jwks
from security.secured_app import bearer, secured_app

CLAIMS = {"sub": "alice", "iss": "https://idp.example/", "aud": "qhana"}
RSA_KEYS = [rsa.generate_private_key(65537, 2048) for _ in range(2)]
EC_KEY = ec.generate_private_key(ec.SECP256R1())
ED_KEY = ed25519.Ed25519PrivateKey.generate()


def public(key: Any, key_id: str, **more: Any) -> dict[str, Any]:
    """Return the public half of a key as the provider publishes it."""
    if isinstance(key, rsa.RSAPrivateKey):
        data = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    elif isinstance(key, ec.EllipticCurvePrivateKey):
        data = ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
    else:
        data = OKPAlgorithm.to_jwk(key.public_key(), as_dict=True)
    data.pop("key_ops", None)
    return {**data, "kid": key_id, "use": "sig", **more}


class Provider:
    """An identity provider on the loopback interface.

    Attributes:
        keys: what it publishes.
        status: the status of its answers.
        asked: how often it was asked.
    """

    def __init__(self) -> None:
        self.keys: list[dict[str, Any]] = []
        self.status, self.asked = 200, 0
        self.body: bytes | None = None
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.asked += 1
                body = provider.body or json.dumps({"keys": provider.keys}).encode()
                self.send_response(provider.status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_args: Any) -> None:
                """Stay silent."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/keys"


@pytest.fixture
def provider() -> Iterator[Provider]:
    provider = Provider()
    thread = threading.Thread(target=provider.server.serve_forever, daemon=True)
    thread.start()
    yield provider
    provider.server.shutdown()
    provider.server.server_close()
    thread.join()


class Clock:
    """A clock that is set by hand, in seconds."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def app(provider: Provider, clock: Clock, tmp_path: Path) -> Flask:
    app = secured_app(
        tmp_path,
        JWT_JWKS_URL=provider.url,
        JWT_DECODE_ISSUER=CLAIMS["iss"],
        JWT_DECODE_AUDIENCE=[CLAIMS["aud"]],
    )
    app.extensions["qhana-jwks"] = jwks.KeySet(provider.url, clock)
    return app


def token(key: Any, key_id: str | None, algorithm: str = "RS256", **claims: Any) -> str:
    headers = {"kid": key_id} if key_id is not None else None
    all_claims = {**CLAIMS, "exp": int(time.time()) + 60, **claims}
    return pyjwt.encode(all_claims, key, algorithm=algorithm, headers=headers)


def status(app: Flask, text: str, path: str = "/plugins/") -> int:
    headers = {"Authorization": f"Bearer {text}"}
    return app.test_client().get(path, headers=headers).status_code


def test_a_token_of_the_provider_is_accepted(app: Flask, provider: Provider) -> None:
    provider.keys = [public(RSA_KEYS[0], "a")]
    for _ in range(3):
        assert status(app, token(RSA_KEYS[0], "a")) == 200
    assert provider.asked == 1


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (RSA_KEYS[0], "RS256"),
        (RSA_KEYS[0], "RS512"),
        (RSA_KEYS[0], "PS256"),
        (EC_KEY, "ES256"),
        (ED_KEY, "EdDSA"),
    ],
)
def test_the_algorithms_of_each_type_of_key_are_accepted(
    app: Flask, provider: Provider, key: Any, algorithm: str
) -> None:
    provider.keys = [public(key, "a")]
    assert status(app, token(key, "a", algorithm)) == 200


def test_a_new_key_is_fetched_when_a_token_names_it(
    app: Flask, provider: Provider, clock: Clock
) -> None:
    provider.keys = [public(RSA_KEYS[0], "a")]
    assert status(app, token(RSA_KEYS[0], "a")) == 200
    provider.keys.append(public(RSA_KEYS[1], "b"))
    clock.now += 61
    assert status(app, token(RSA_KEYS[1], "b")) == 200
    assert status(app, token(RSA_KEYS[0], "a")) == 200
    assert provider.asked == 2


def test_unknown_keys_make_no_more_than_one_fetch_a_minute(
    app: Flask, provider: Provider, clock: Clock
) -> None:
    provider.keys = [public(RSA_KEYS[0], "a")]
    assert status(app, token(RSA_KEYS[0], "a")) == 200
    for number in range(20):
        assert status(app, token(RSA_KEYS[1], f"made up {number}")) == 401
    assert provider.asked == 1
    clock.now += 61
    for number in range(20):
        assert status(app, token(RSA_KEYS[1], f"made up {number}")) == 401
    assert provider.asked == 2


def test_a_key_that_the_provider_took_away_is_refused_after_an_hour(
    app: Flask, provider: Provider, clock: Clock
) -> None:
    provider.keys = [public(RSA_KEYS[0], "a")]
    assert status(app, token(RSA_KEYS[0], "a")) == 200
    provider.keys = [public(RSA_KEYS[1], "b")]
    clock.now += 3601
    assert status(app, token(RSA_KEYS[0], "a")) == 401


@pytest.mark.parametrize("failure", ["status", "no JSON", "no keys", "gone", "too large"])
def test_known_keys_stay_valid_while_the_provider_is_away(
    app: Flask, provider: Provider, clock: Clock, failure: str
) -> None:
    provider.keys = [public(RSA_KEYS[0], "a")]
    assert status(app, token(RSA_KEYS[0], "a")) == 200
    if failure == "status":
        provider.status = 503
    elif failure == "gone":
        provider.server.server_close()
    else:
        bodies = {"no JSON": b"<html>", "no keys": b"[]", "too large": b" " * (2 << 20)}
        provider.body = bodies[failure]
    clock.now += 7200
    assert status(app, token(RSA_KEYS[0], "a")) == 200
    assert status(app, token(RSA_KEYS[1], "b")) == 401


def test_a_provider_that_is_away_at_first_is_asked_again_soon(
    app: Flask, provider: Provider, clock: Clock
) -> None:
    provider.status, provider.keys = 503, [public(RSA_KEYS[0], "a")]
    assert status(app, token(RSA_KEYS[0], "a")) == 401
    provider.status = 200
    clock.now += 6
    assert status(app, token(RSA_KEYS[0], "a")) == 200


def test_keys_that_cannot_be_used_do_not_hide_the_others(
    app: Flask, provider: Provider
) -> None:
    provider.keys = [
        {"kty": "RSA", "kid": "broken", "n": "!", "e": "AQAB"},
        {"kty": "oct", "kid": "secret", "k": "c2VjcmV0"},
        {"kty": "new", "kid": "new"},
        public(RSA_KEYS[1], "for encryption", use="enc"),
        public(RSA_KEYS[0], "a"),
    ]
    assert status(app, token(RSA_KEYS[0], "a")) == 200
    assert status(app, token(RSA_KEYS[1], "for encryption")) == 401
    assert status(app, token("secret" * 8, "secret", "HS256")) == 401


def _pem(key: Any) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def test_a_public_key_is_never_taken_for_a_secret(app: Flask, provider: Provider) -> None:
    provider.keys = [public(RSA_KEYS[0], "a")]
    assert status(app, token(RSA_KEYS[0], "a")) == 200
    head = pyjwt.utils.base64url_encode(b'{"alg":"HS256","kid":"a","typ":"JWT"}')
    body = pyjwt.utils.base64url_encode(json.dumps(CLAIMS).encode())
    signed = head + b"." + body
    mac = hmac.new(_pem(RSA_KEYS[0]), signed, hashlib.sha256).digest()
    forged = signed + b"." + pyjwt.utils.base64url_encode(mac)
    assert status(app, forged.decode()) == 401


BAD: dict[str, Any] = {
    "other key": lambda: token(RSA_KEYS[1], "a"),
    "key of another type": lambda: token(EC_KEY, "a", "ES256"),
    "other algorithm than the key is for": lambda: token(RSA_KEYS[0], "a", "RS512"),
    "no key": lambda: token(RSA_KEYS[0], None),
    "other issuer": lambda: token(RSA_KEYS[0], "a", iss="https://x.example/"),
    "other audience": lambda: token(RSA_KEYS[0], "a", aud="x"),
    "expired": lambda: token(RSA_KEYS[0], "a", exp=1),
    "name of the runner's own key": lambda: token(RSA_KEYS[0], "qhana-internal"),
}


@pytest.mark.parametrize("kind", sorted(BAD))
def test_other_tokens_are_refused(app: Flask, provider: Provider, kind: str) -> None:
    provider.keys = [public(RSA_KEYS[0], "a", alg="RS256"), public(EC_KEY, "b")]
    assert status(app, BAD[kind]()) == 401


def test_a_single_key_needs_no_name(app: Flask, provider: Provider) -> None:
    provider.keys = [public(RSA_KEYS[0], "a")]
    assert status(app, token(RSA_KEYS[0], None)) == 200


def test_tokens_of_the_runner_are_accepted_beside_those_of_the_provider(
    app: Flask, provider: Provider
) -> None:
    headers = bearer(app, "alice", iss=CLAIMS["iss"], aud=CLAIMS["aud"])
    assert app.test_client().get("/plugins/", headers=headers).status_code == 200
    assert provider.asked == 0
