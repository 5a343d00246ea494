# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""What a plugin says about itself: dataclasses, their JSON and back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from qhana_plugin_runner.api.plugin_schemas import (
    ApiLink,
    DataMetadata,
    EntryPoint,
    InputDataMetadata,
    OutputDataMetadata,
    PluginDependencyMetadata,
    PluginMetadata,
    PluginMetadataSchema,
    PluginType,
    ProgressMetadata,
    StepMetadata,
    WebhookParams,
    WebhookParamsSchema,
)

ROOT = "/plugins/circuit-demo@v1-0-1"

METADATA = PluginMetadata(
    title="circuit-demo",
    description="A demo plugin.",
    name="circuit-demo",
    version="v1.0.1",
    type=PluginType.processing,
    tags=["circuit-demo", "demo"],
    links=[ApiLink("workflows", f"http://localhost:5005{ROOT}/workflows/")],
    entry_point=EntryPoint(
        href=f"{ROOT}/process/",
        ui_href=f"{ROOT}/ui/",
        plugin_dependencies=[
            PluginDependencyMetadata(
                parameter="executor", required=True, tags=["circuit-executor", "qasm-2"]
            ),
            PluginDependencyMetadata(
                "other",
                False,
                name="n",
                version=">=v1.1.3 <v2.0.0",
                type=PluginType.visualization,
            ),
        ],
        data_input=[
            InputDataMetadata(
                "entity/list",
                content_type=["application/json", "text/csv"],
                required=True,
                parameter="entitiesUrl",
            ),
            DataMetadata("*", ["*"], False),
        ],
        data_output=[
            OutputDataMetadata(
                data_type="executable/circuit",
                content_type=["text/x-qasm"],
                required=True,
                name="circuit.qasm",
            ),
            OutputDataMetadata("a/b", ["c/d"], True, name=None),
            DataMetadata("a/b", ["c/d"], True),
        ],
    ),
)

DOCUMENT: dict[str, Any] = {
    "title": "circuit-demo",
    "description": "A demo plugin.",
    "name": "circuit-demo",
    "version": "v1.0.1",
    "type": "processing",
    "tags": ["circuit-demo", "demo"],
    "links": [{"type": "workflows", "href": f"http://localhost:5005{ROOT}/workflows/"}],
    "entryPoint": {
        "href": f"{ROOT}/process/",
        "uiHref": f"{ROOT}/ui/",
        "pluginDependencies": [
            {
                "parameter": "executor",
                "required": True,
                "tags": ["circuit-executor", "qasm-2"],
            },
            {
                "parameter": "other",
                "required": False,
                "name": "n",
                "version": ">=v1.1.3 <v2.0.0",
                "type": "visualization",
            },
        ],
        "dataInput": [
            {
                "dataType": "entity/list",
                "contentType": ["application/json", "text/csv"],
                "required": True,
                "parameter": "entitiesUrl",
            },
            {"dataType": "*", "contentType": ["*"], "required": False},
        ],
        "dataOutput": [
            {
                "dataType": "executable/circuit",
                "contentType": ["text/x-qasm"],
                "required": True,
                "name": "circuit.qasm",
            },
            {"dataType": "a/b", "contentType": ["c/d"], "required": True, "name": None},
            {"dataType": "a/b", "contentType": ["c/d"], "required": True},
        ],
    },
}


def test_metadata_becomes_the_documented_json() -> None:
    assert json.loads(PluginMetadataSchema().dumps(METADATA)) == DOCUMENT


def test_the_json_becomes_the_same_metadata() -> None:
    assert PluginMetadataSchema().load(DOCUMENT) == METADATA


def test_all_lists_are_present_even_if_they_are_empty() -> None:
    metadata = PluginMetadata(
        "t", "d", "n", "v1", PluginType.dataloader, EntryPoint("/a", "/b")
    )
    document = PluginMetadataSchema().dump(metadata)
    assert document["tags"] == document["links"] == []
    assert document["entryPoint"] == {
        "href": "/a",
        "uiHref": "/b",
        "pluginDependencies": [],
        "dataInput": [],
        "dataOutput": [],
    }


def test_default_lists_are_not_shared() -> None:
    EntryPoint("/a", "/b").data_input.append(DataMetadata("a", [], True))
    assert EntryPoint("/a", "/b").data_input == []


def test_fields_that_newer_plugins_send_are_ignored() -> None:
    document = json.loads(json.dumps(DOCUMENT))
    document["schema"] = "https://example.org/schema"
    document["entryPoint"]["schema"] = "https://example.org/schema"
    document["entryPoint"]["dataInput"][0]["stepId"] = "step"
    document["entryPoint"]["dataInput"][0]["stepIsOptional"] = True
    assert PluginMetadataSchema().load(document) == METADATA


@pytest.mark.parametrize(
    ("href", "loaded"),
    [
        ("/plugins/a%40v1/process/", "/plugins/a@v1/process/"),
        ("http://backend:9090/x", "http://backend:9090/x"),
        ("https://example.org/%C3%A4", "https://example.org/ä"),
    ],
)
def test_references_are_unquoted_when_loaded(href: str, loaded: str) -> None:
    document = json.loads(json.dumps(DOCUMENT))
    document["entryPoint"]["href"] = href
    assert PluginMetadataSchema().load(document).entry_point.href == loaded


@pytest.mark.parametrize("href", ["./process/", "process/", "", "javascript:x", None])
def test_other_references_do_not_validate(href: Any) -> None:
    document = json.loads(json.dumps(DOCUMENT))
    document["entryPoint"]["uiHref"] = href
    assert set(PluginMetadataSchema().validate(document)["entryPoint"]) == {"uiHref"}


def test_there_are_five_types_whose_values_are_their_names() -> None:
    assert {one.name: one.value for one in PluginType} == {
        name: name
        for name in (
            "processing",
            "visualization",
            "conversion",
            "dataloader",
            "interaction",
        )
    }


def test_progress_and_steps_have_the_documented_defaults() -> None:
    progress = ProgressMetadata(7)
    assert (progress.value, progress.start, progress.target, progress.unit) == (
        7,
        0,
        100,
        "%",
    )
    step = StepMetadata("/h", "/u", "s")
    assert (step.href, step.uiHref, step.stepId, step.cleared) == ("/h", "/u", "s", False)


def test_webhook_parameters_are_a_mapping_with_attributes() -> None:
    query = {"source": "http://backend:9090/tasks/1/", "event": "status"}
    params = WebhookParamsSchema().load(query)
    assert isinstance(params, WebhookParams)
    assert dict(params) == query
    assert (params.source, params.event) == (query["source"], "status")
    assert WebhookParams(**query) == WebhookParams(*query.values()) == params


def test_a_missing_event_stays_missing_in_a_partial_schema() -> None:
    params = WebhookParamsSchema(partial=True).load({"source": "http://localhost/"})
    assert dict(params) == {"source": "http://localhost/"}
    assert params.event is None


def test_the_event_may_be_null_and_the_source_is_required() -> None:
    schema = WebhookParamsSchema()
    assert schema.load({"source": "https://a.example/", "event": None}).event is None
    assert set(schema.validate({})) == {"source"}


@pytest.mark.parametrize(
    "source", ["ftp://a.example/", "file:///a", "/tasks/1/", "x", ""]
)
def test_a_source_is_a_web_url(source: str) -> None:
    assert set(WebhookParamsSchema().validate({"source": source})) == {"source"}
