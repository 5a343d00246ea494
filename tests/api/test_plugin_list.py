# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The root document, the list of plugins, and the way to the newest version."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from qhana_plugin_runner.api.plugin_schemas import (
    DataMetadata,
    InputDataMetadata,
    OutputDataMetadata,
    PluginMetadata,
    PluginMetadataSchema,
    PluginType,
)
from qhana_plugin_runner.celery import CELERY
from qhana_plugin_runner.db import DB
from qhana_plugin_runner.db.models.virtual_plugins import VirtualPlugin
from qhana_plugin_runner.util.plugins import QHAnaPluginBase

LISTED = [
    ("api-lab", "v1.2.0"),
    ("api-lab-late", "v1.0.0"),
    ("api-lab-many", "0.10.0"),
    ("api-lab-many", "v0.10.0rc1"),
    ("api-lab-many", "v0.9.0"),
    ("api-lab-no-routes", "v1.0.0"),
    ("api-lab-plain", "v1.0.0"),
    ("api-lab-retired", "v1.0.0"),
]


@pytest.fixture
def virtual_plugin(app: Flask) -> Iterator[Any]:
    rows: list[VirtualPlugin] = []

    def create(parent_id: str, name: str = "0-virtual") -> VirtualPlugin:
        row = VirtualPlugin(
            parent_id=parent_id,
            name=name,
            version="0",
            description="",
            tags="rest-connector\nTODO",
            href=f"http://elsewhere:5005/plugins/x/connectors/{name}/",
        )
        DB.session.add(row)
        DB.session.commit()
        rows.append(row)
        return row

    yield create
    for row in rows:
        DB.session.delete(row)
    DB.session.commit()


def listed(client: FlaskClient) -> list[tuple[str, str]]:
    plugins = client.get("/plugins/").json["plugins"]
    return [(plugin["name"], plugin["version"]) for plugin in plugins]


def test_root_is_the_title_and_nothing_else(client: FlaskClient):
    answer = client.get("/")
    assert answer.status_code == 200
    assert answer.json == {"title": "QHAna plugin runner api."}


@pytest.mark.parametrize(
    "accept", [None, "*/*", "application/json", "text/html;q=0.5, application/json"]
)
def test_root_is_json_for_programs(client: FlaskClient, accept: str | None):
    headers = {"Accept": accept} if accept else {}
    answer = client.get("/", headers=headers)
    assert answer.content_type == "application/json"
    assert "Accept" in answer.headers["Vary"]


def test_root_is_a_page_for_browsers(client: FlaskClient):
    accept = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
    answer = client.get("/", headers={"Accept": accept})
    assert answer.status_code == 200
    assert answer.mimetype == "text/html"
    assert "Accept" in answer.headers["Vary"]
    assert "API lab" in answer.text


def test_list_names_all_versions_with_an_api_in_order(client: FlaskClient):
    assert listed(client) == LISTED


def test_list_describes_a_plugin(client: FlaskClient):
    first = client.get("/plugins/", base_url="http://runner.example:5005").json
    assert first["plugins"][0] == {
        "name": "api-lab",
        "version": "v1.2.0",
        "identifier": "api-lab@v1-2-0",
        "apiRoot": "http://runner.example:5005/plugins/api-lab@v1-2-0/",
        "description": "Answers in every way.",
        "tags": ["lab", "demo"],
    }


def test_a_plugin_need_not_describe_itself(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
):
    plugin = QHAnaPluginBase.get_plugins()["api-lab@v1-2-0"]
    monkeypatch.setattr(plugin, "description", None)
    assert client.get("/plugins/").json["plugins"][0]["description"] is None


def test_api_roots_lead_to_the_plugins(client: FlaskClient):
    for plugin in client.get("/plugins/").json["plugins"]:
        status = client.get(plugin["apiRoot"]).status_code
        assert status == (404 if plugin["name"] == "api-lab-no-routes" else 200)


@pytest.mark.parametrize("parent", ["api-lab@v1-2-0", "api-lab"])
def test_list_contains_virtual_plugins(
    client: FlaskClient, virtual_plugin: Any, parent: str
):
    virtual_plugin(parent)
    assert client.get("/plugins/").json["plugins"][0] == {
        "name": "0-virtual",
        "version": "0",
        "identifier": "0-virtual@0",
        "apiRoot": "http://elsewhere:5005/plugins/x/connectors/0-virtual/",
        "description": "",
        "tags": ["rest-connector", "TODO"],
    }


def test_virtual_plugins_are_sorted_in(client: FlaskClient, virtual_plugin: Any):
    virtual_plugin("api-lab", "api-lab-last")
    assert listed(client) == sorted([*LISTED, ("api-lab-last", "0")])


@pytest.mark.parametrize("parent", ["nobody", "api-lab@v9-9-9", "api-lab-retired@v2-0-0"])
def test_virtual_plugins_without_parent_are_hidden(
    client: FlaskClient, virtual_plugin: Any, parent: str
):
    virtual_plugin(parent)
    assert listed(client) == LISTED


def test_virtual_plugins_are_not_found_by_name(client: FlaskClient, virtual_plugin: Any):
    virtual_plugin("api-lab")
    answer = client.get("/plugins/0-virtual/")
    assert answer.status_code == 404
    assert answer.json["message"] == "No plugin registered with that name."


@pytest.mark.parametrize(
    ("name", "identifier"),
    [("api-lab", "api-lab@v1-2-0"), ("api-lab-many", "api-lab-many@0-10-0")],
)
def test_name_leads_to_the_newest_version(
    client: FlaskClient, name: str, identifier: str
):
    answer = client.get(f"/plugins/{name}/")
    assert answer.status_code == 302
    assert answer.location == f"/plugins/{identifier}/"


def test_redirect_keeps_the_query(client: FlaskClient):
    answer = client.get("/plugins/api-lab/?a=%C3%BC&b=%22")
    assert answer.location == "/plugins/api-lab@v1-2-0/?a=%C3%BC&b=%22"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("unknown", "No plugin registered with that name."),
        ("api-lab@v9-9-9", "No plugin registered with that name."),
        ("api-lab-retired", "No plugin registered with that name."),
        ("api-lab-retired@v2-0-0", "No plugin registered with that name."),
        ("api-lab-no-routes", "The plugin does not provide a blueprint."),
        ("api-lab-no-routes@v1-0-0", "The plugin does not provide a blueprint."),
        ("%00", "No plugin registered with that name."),
        ("%FF", "No plugin registered with that name."),
        ("a" * 5000, "No plugin registered with that name."),
    ],
)
def test_name_without_api_is_not_found(client: FlaskClient, name: str, message: str):
    answer = client.get(f"/plugins/{name}/")
    assert answer.status_code == 404
    assert answer.json == {"code": 404, "status": "Not Found", "message": message}


def test_metadata_has_all_fields(client: FlaskClient):
    answer = client.get("/plugins/api-lab@v1-2-0/", base_url="http://runner:5005")
    assert answer.status_code == 200
    assert answer.json == {
        "title": "API lab",
        "description": "Answers in every way.",
        "name": "api-lab",
        "version": "v1.2.0",
        "type": "conversion",
        "tags": ["lab", "demo"],
        "links": [{"type": "workflows", "href": "/plugins/api-lab@v1-2-0/links/"}],
        "entryPoint": {
            "href": "/plugins/api-lab@v1-2-0/process/",
            "uiHref": "http://runner:5005/plugins/api-lab@v1-2-0/ui/",
            "pluginDependencies": [
                {"parameter": "executor", "required": True, "tags": ["a", "!b"]},
                {
                    "parameter": "other",
                    "required": False,
                    "name": "other-plugin",
                    "version": ">=v1.1.3 <v2.0.0",
                    "type": "processing",
                },
            ],
            "dataInput": [
                {
                    "parameter": "entityUrl",
                    "dataType": "entity/list",
                    "contentType": ["text/csv"],
                    "required": True,
                },
                {
                    "dataType": "entity/*",
                    "contentType": ["application/json"],
                    "required": False,
                },
            ],
            "dataOutput": [
                {
                    "name": "out.csv",
                    "dataType": "entity/list",
                    "contentType": ["text/csv"],
                    "required": True,
                },
                {
                    "name": None,
                    "dataType": "entity/list",
                    "contentType": ["text/csv"],
                    "required": True,
                },
                {"dataType": "plot", "contentType": ["text/html"], "required": True},
            ],
        },
    }


def test_metadata_loads_as_dataclasses(client: FlaskClient):
    document = client.get("/plugins/api-lab@v1-2-0/").json
    metadata = PluginMetadataSchema().load(document)
    assert type(metadata) is PluginMetadata
    assert metadata.type is PluginType.conversion
    assert [type(data) for data in metadata.entry_point.data_input] == [
        InputDataMetadata,
        DataMetadata,
    ]
    assert [type(data) for data in metadata.entry_point.data_output] == [
        OutputDataMetadata,
        OutputDataMetadata,
        DataMetadata,
    ]
    dumped = PluginMetadataSchema().dump(metadata)
    assert dumped == document


def test_routes_and_tasks_that_are_imported_late_are_there(client: FlaskClient):
    assert client.get("/plugins/api-lab-late/", follow_redirects=True).json == {
        "late": True
    }
    assert "api-lab-late@v1-0-0.task" in CELERY.tasks
