# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The OpenAPI document: valid, complete, cached, and the same from the command line."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from openapi_spec_validator import validate

from api.probe_app import PROBE, create_probe_app
from qhana_plugin_runner.api.util import MaBaseSchema

SNAPSHOT = Path(__file__).with_name("openapi_routes.json")
PLUGINS = Path(__file__).parents[2] / "plugins"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """An app with the probe plugin."""
    app = create_probe_app(tmp_path_factory.mktemp("probe"))
    with app.app_context():
        yield app


@pytest.fixture(scope="module")
def document(app: Flask) -> dict[str, Any]:
    """The document as clients get it."""
    return app.test_client().get("/api-spec.json").get_json()


def references(node: Any) -> Iterator[str]:
    """Yield every reference in a part of the document."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref":
                yield value
            else:
                yield from references(value)
    elif isinstance(node, list):
        for item in node:
            yield from references(item)


def resolve(document: dict[str, Any], reference: str) -> Any:
    """Return what a local reference points at."""
    node: Any = document
    for part in reference.removeprefix("#/").split("/"):
        node = node[part]
    return node


def test_the_document_is_valid_openapi(document: dict[str, Any]) -> None:
    assert document["openapi"] == "3.0.2"
    validate(document)


def test_the_document_of_the_bundled_plugins_is_valid(tmp_path: Path) -> None:
    app = create_probe_app(tmp_path, PLUGIN_FOLDERS=[str(PLUGINS)])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        document = app.test_client().get("/api-spec.json").get_json()
    validate(document)


def test_title_and_version(document: dict[str, Any]) -> None:
    assert document["info"] == {"title": "QHAna plugin runner api.", "version": "v1"}


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    found = set(references(document))
    assert found
    for reference in found:
        assert resolve(document, reference)


def test_there_is_a_tag_for_each_blueprint(document: dict[str, Any]) -> None:
    tags = {tag["name"] for tag in document["tags"]}
    assert tags >= {"api-root", "plugins-api", "tasks-api", "files-api"}
    assert "api-probe@v1-10-0" in tags


def test_tokens_are_documented(document: dict[str, Any]) -> None:
    schemes = document["components"]["securitySchemes"]
    assert set(schemes) == {"jwt", "jwt-refresh-token"}
    for scheme in schemes.values():
        assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")
        assert scheme["bearerFormat"] == "JWT"
    paths = document["paths"]
    assert paths[f"{PROBE}/"]["get"]["security"] == [{}, {"jwt": []}]
    assert paths[f"{PROBE}/protected/"]["get"]["security"] == [{"jwt": []}]


def test_the_common_components_exist(document: dict[str, Any]) -> None:
    responses = document["components"]["responses"]
    assert {"DEFAULT_ERROR", "UNPROCESSABLE_ENTITY"} <= responses.keys()
    assert "Error" in document["components"]["schemas"]


def test_html_answers_are_described_in_place(document: dict[str, Any]) -> None:
    answer = document["paths"][f"{PROBE}/ui/"]["get"]["responses"]["200"]
    assert answer["description"] == "The form."
    assert answer["content"] == {"text/html": {"schema": {"type": "string"}}}


def test_forms_are_urlencoded_unless_they_contain_files(document: dict[str, Any]) -> None:
    paths = document["paths"]
    process = paths[f"{PROBE}/process/"]["post"]["requestBody"]["content"]
    assert list(process) == ["application/x-www-form-urlencoded"]
    upload = paths[f"{PROBE}/upload/"]["post"]["requestBody"]["content"]
    assert list(upload) == ["multipart/form-data"]
    form = upload["multipart/form-data"]["schema"]
    assert {"inputStr", "theFile"} <= form["properties"].keys()
    assert form["required"] == ["inputStr", "theFile"]


def test_choices_are_the_names_that_a_form_sends(document: dict[str, Any]) -> None:
    body = document["paths"][f"{PROBE}/process/"]["post"]["requestBody"]["content"]
    properties = body["application/x-www-form-urlencoded"]["schema"]["properties"]
    assert properties["color"] == {
        "type": "string",
        "enum": ["red", "dark_blue"],
        "default": "red",
    }
    assert properties["names"]["type"] == "string"


@pytest.mark.parametrize(
    ("url", "is_documented"),
    [
        ("https://user:pw@data.example:8080/a?b=c", True),
        ("http://backend/x", True),
        ("http://[::1]/", True),
        ("http://[2001:db8:1:2:3:4:5:6]:80/", True),
        ("http://[2001:db8::5:6]", True),
        ("http://[fe80:1:2:3:4:5:6::]/x", True),
        ("http://backend:65535/", True),
        ("http://backend:65536/", False),
        ("http://[:0]/", False),
        ("http://[1:2]/", False),
        ("http://[1::2::3]/", False),
        ("file:///data/x.csv", True),
        ("data:text/csv;base64,YQ==", True),
        ("", False),
        ("ftps:/x", False),
        ("javascript:alert(1)", False),
        ("file://other/x", False),
    ],
)
def test_urls_are_described_by_what_their_field_accepts(
    document: dict[str, Any], url: str, is_documented: bool
) -> None:
    body = document["paths"][f"{PROBE}/process/"]["post"]["requestBody"]["content"]
    field = body["application/x-www-form-urlencoded"]["schema"]["properties"]["entityUrl"]
    assert (field["type"], field["format"]) == ("string", "url")
    assert bool(re.search(field["pattern"], url)) is is_documented


def test_micro_frontends_take_any_text(document: dict[str, Any]) -> None:
    views = document["paths"][f"{PROBE}/ui/"]
    query = {field["name"]: field["schema"] for field in views["get"]["parameters"]}
    content = views["post"]["requestBody"]["content"]
    form = content["application/x-www-form-urlencoded"]["schema"]["properties"]
    for fields in (query, form):
        assert fields["color"]["anyOf"][0]["enum"] == ["red", "dark_blue"]
        assert fields["color"]["anyOf"][1] == {"type": "string"}


def test_errors_of_shared_code_are_documented_for_every_view(
    document: dict[str, Any],
) -> None:
    process = document["paths"][f"{PROBE}/process/"]["post"]["responses"]
    assert {"400", "401", "403", "413", "415", "422", "429", "503"} <= process.keys()
    step = document["paths"][f"{PROBE}/{{db_id}}/json/"]["post"]["responses"]
    assert "404" in step
    error = document["components"]["responses"]["DEFAULT_ERROR"]["content"]
    assert error.keys() == {"application/json", "text/html"}


def test_a_view_that_says_nothing_may_answer_anything(document: dict[str, Any]) -> None:
    old = document["paths"]["/plugins/api-probe@v1-9-0/"]["get"]["responses"]
    assert "content" not in old["2XX"]


def test_refused_fields_are_documented(document: dict[str, Any]) -> None:
    for view, is_closed in (("strict", True), ("process", False)):
        body = document["paths"][f"{PROBE}/{view}/"]["post"]["requestBody"]["content"]
        schema = body["application/x-www-form-urlencoded"]["schema"]
        assert (schema.get("additionalProperties") is False) is is_closed


def test_schemas_of_equal_name_are_numbered_without_warnings(tmp_path: Path) -> None:
    resolver = create_probe_app(tmp_path).extensions["qhana-openapi"].ma_plugin.resolver
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = [
            resolver.resolve_schema_dict(type("EqualSchema", (MaBaseSchema,), {}))
            for _ in range(2)
        ]
    assert [schema["$ref"].rpartition("/")[2] for schema in found] == ["Equal", "Equal1"]


def test_the_document_is_sent_once_and_then_not_modified(client: FlaskClient) -> None:
    first = client.get("/api-spec.json")
    assert first.mimetype == "application/json"
    tag = first.headers["ETag"]
    second = client.get("/api-spec.json", headers={"If-None-Match": tag})
    assert (second.status_code, second.data) == (304, b"")
    other = client.get("/api-spec.json", headers={"If-None-Match": '"other"'})
    assert other.data == first.data


def test_two_processes_give_the_document_one_tag(tmp_path: Path, app: Flask) -> None:
    other = create_probe_app(tmp_path)
    tags = [
        one.test_client().get("/api-spec.json").headers["ETag"] for one in (app, other)
    ]
    assert tags[0] == tags[1]


def test_the_commands_know_the_same_document(
    app: Flask, document: dict[str, Any], tmp_path: Path
) -> None:
    runner = app.test_cli_runner()
    printed = runner.invoke(args=["openapi", "print"])
    assert json.loads(printed.output) == document
    target = tmp_path / "api.json"
    runner.invoke(args=["openapi", "write", str(target)])
    assert json.loads(target.read_text(encoding="utf-8")) == document
    listed = runner.invoke(args=["openapi", "list-config-prefixes"])
    assert (listed.exit_code, listed.output) == (0, '""\n')


def test_the_path_of_the_document_can_be_set(tmp_path: Path) -> None:
    app = create_probe_app(
        tmp_path, OPENAPI_URL_PREFIX="api/v2", OPENAPI_JSON_PATH="/openapi.json"
    )
    document = app.test_client().get("/api/v2/openapi.json").get_json()
    assert "/api/v2/plugins/" in document["paths"]
    assert "/api/v2/" in document["paths"]


def test_the_routes_of_the_runner_are_those_that_clients_know(
    document: dict[str, Any],
) -> None:
    """Change ``openapi_routes.json`` together with the contract, never alone."""
    routes = {
        path: {
            method: sorted(operation["responses"])
            for method, operation in item.items()
            if method != "parameters"
        }
        for path, item in document["paths"].items()
        if not path.startswith("/plugins/api-")
    }
    assert routes == json.loads(SNAPSHOT.read_text(encoding="utf-8"))
