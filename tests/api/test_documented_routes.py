# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Every documented route of the runner and of the bundled plugins, called with anything.

No route answers with an internal error, and every status is one that is documented.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qhana_plugin_runner.db.models.tasks import ProcessingTask

PLUGINS = Path(__file__).parents[2] / "plugins"

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
VALUE = (
    st.sampled_from(
        ["", "0", "-1", "1e400", "nan", "http://localhost:9/x", "data:text/csv,ID%0A1"]
    )
    | st.integers().map(str)
    | TEXT
)


@pytest.fixture(scope="module")
def app(make_app: Any) -> Iterator[Flask]:
    """An app with the bundled plugins; no worker runs what they submit."""
    app = make_app(PLUGIN_FOLDERS=[str(PLUGINS)], METRICS=True)
    with app.app_context():
        yield app


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method != "parameters":
                yield path, method, operation


def fields(document: dict[str, Any], operation: dict[str, Any]) -> list[str]:
    """The names of everything that an operation reads."""
    names = [parameter["name"] for parameter in operation.get("parameters", [])]
    for media in operation.get("requestBody", {}).get("content", {}).values():
        schema = media["schema"]
        if "$ref" in schema:
            schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        names += schema.get("properties", {})
    return names


def send(app: Flask, path: str, method: str, operation: Any, values: Any) -> int:
    """Send the values the way that the operation documents."""
    types = list(operation.get("requestBody", {}).get("content", {}))
    kwargs: dict[str, Any] = {"query_string": values}
    if types == ["application/json"]:
        kwargs = {"json": values}
    elif types:
        kwargs = {"data": values, "content_type": types[0]}
    answer = app.test_client().open(path, method=method.upper(), **kwargs)
    status = answer.status_code
    answer.close()
    documented = operation["responses"]
    assert str(status) in documented or "default" in documented
    return status


@pytest.mark.parametrize("id_", ["1", "999999", "2147483648", "abc"])
def test_documented_routes_exist(app: Flask, id_: str):
    document = app.test_client().get("/api-spec.json").get_json()
    ProcessingTask(task_name="x").save(commit=True)
    for path, method, operation in operations(document):
        url = re.sub(r"{\w+}", id_, path)
        status = send(app, url, method, operation, {})
        assert status != 405
        assert status < 500, f"{method} {url}: {status}"
        if "{" not in path:
            assert status in (200, 303, 422), f"{method} {url}: {status}"


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data(), id_=st.sampled_from(["1", "2", "7"]) | TEXT)
def test_anything_is_answered(app: Flask, data: st.DataObject, id_: str):
    document = app.test_client().get("/api-spec.json").get_json()
    for path, method, operation in operations(document):
        names = st.sampled_from([*fields(document, operation), "unknown"])
        values = data.draw(st.dictionaries(names, VALUE, max_size=6))
        url = re.sub(r"{\w+}", quote(id_, safe="") or "x", path)
        status = send(app, url, method, operation, values)
        assert status < 500, f"{method} {url} {values}: {status}"
