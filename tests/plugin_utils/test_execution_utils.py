# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from byte_server import ByteServer
from qhana_plugin_runner.plugin_utils.execution_utils import parse_execution_options


@pytest.fixture(scope="module")
def server() -> Iterator[ByteServer]:
    with ByteServer() as server:
        yield server


@pytest.mark.parametrize(
    ("content_type", "body", "options"),
    [
        ("application/json", b'{"shots": 5}', {"shots": 5}),
        ("application/json; charset=utf-8", b'[{"shots": 5}, {}]', {"shots": 5}),
        ("application/X-lines+json", b'{"shots": 5}\n{"shots": 6}', {"shots": 5}),
        ("text/csv", b"ID,shots\na,5\n", {"ID": "a", "shots": "5"}),
        ("application/json", b"[]", {}),
        ("text/csv", b"ID,shots\n", {}),
    ],
)
def test_the_first_entity_is_the_options(
    server: ByteServer, content_type: str, body: bytes, options: dict[str, Any]
) -> None:
    url = server.serve("/options", body, Content_Type=content_type)
    assert parse_execution_options(url) == options


def test_the_type_can_come_from_the_name(server: ByteServer) -> None:
    url = server.serve("/options.json", b'{"shots": 5}')
    assert parse_execution_options(f"{url}?x=y") == {"shots": 5}
    assert parse_execution_options('data:application/json,{"a": 1}') == {"a": 1}


def test_an_unknown_type_is_an_error_without_secrets(server: ByteServer) -> None:
    with pytest.raises(ValueError, match="content type of .*/untyped.* is unknown") as e:
        parse_execution_options(server.serve("/untyped", b"") + "?token=secret")
    assert "secret" not in str(e.value)
