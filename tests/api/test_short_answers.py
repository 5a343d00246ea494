# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Answers that are sent as they are look like all others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask, Response
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import EnvironBuilder, run_wsgi_app

from qhana_plugin_runner.api.short_answers import ShortAnswer

Change = Callable[[Response], Any]


def sent(response: Response, method: str = "GET") -> tuple[str, list[Any], bytes]:
    """Return status, headers and body as a server sends them."""
    environ = EnvironBuilder("/folder/", method=method).get_environ()
    body, status, headers = run_wsgi_app(response, environ)
    return status, sorted(headers), b"".join(body)


@given(
    body=st.binary() | st.text(),
    status=st.sampled_from([200, 201, 204, 303, 304, 404]),
    method=st.sampled_from(["GET", "HEAD", "POST"]),
    headers=st.dictionaries(
        st.sampled_from(
            ["Location", "Content-Location", "ETag", "X-A", "Content-Length"]
        ),
        st.sampled_from(["1", "x/ä", "../y"]),
    ),
)
def test_what_is_sent_is_what_flask_sends(
    body: Any, status: int, method: str, headers: dict[str, str]
):
    expected = sent(Response(body, status=status, headers=headers), method)
    assert sent(ShortAnswer(body, status=status, headers=headers), method) == expected


@pytest.mark.parametrize(
    "change",
    [
        lambda response: response.set_data("another body"),
        lambda response: setattr(response, "response", iter([b"a", b"b"])),
        lambda response: setattr(response, "response", ["text", b"bytes"]),
        lambda response: response.headers.pop("Content-Length"),
        lambda response: response.headers.add("Location", "elsewhere"),
    ],
)
def test_it_may_be_changed_before_it_is_sent(change: Change):
    usual, short = Response(b"body"), ShortAnswer(b"body")
    change(usual)
    change(short)
    assert sent(short) == sent(usual)


def test_it_can_be_sent_again():
    answer = ShortAnswer(b"body")
    assert sent(answer) == sent(answer)


def test_what_waits_for_its_end_is_called():
    calls: list[str] = []
    app = Flask("test")

    @app.get("/")
    def view() -> Response:
        answer = ShortAnswer(b"body")
        answer.call_on_close(lambda: calls.append("closed"))
        return answer

    app.test_client().get("/", buffered=True)
    assert calls == ["closed"]
