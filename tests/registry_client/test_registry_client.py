# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The client finds resources by following links and caches only what is read."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import requests
from flask import Flask

from qhana_plugin_runner.registry_client import (
    PLUGIN_REGISTRY_CLIENT,
    ApiResponse,
    PluginRegistryClient,
    match_api_link,
)

CLIENT = PLUGIN_REGISTRY_CLIENT


@pytest.fixture(autouse=True)
def _app(app: Flask) -> None:
    """All tests run in the context of the app."""


def test_url_is_read_when_it_is_needed(app: Flask, registry: Any) -> None:
    assert CLIENT.ready
    assert CLIENT.plugin_registry_url == registry.root
    app.config["PLUGIN_REGISTRY_URL"] = None
    assert not CLIENT.ready
    assert CLIENT.plugin_registry_url is None


def test_client_made_for_an_app_works_without_context(registry: Any) -> None:
    app = Flask("other")
    app.config["PLUGIN_REGISTRY_URL"] = registry.root
    client, ready = PluginRegistryClient(app, timeout=2), []
    thread = threading.Thread(target=lambda: ready.append(client.ready))
    thread.start()
    thread.join()
    assert ready == [True]


@pytest.mark.parametrize("method", ["search_by_rel", "fetch_by_rel"])
def test_no_registry_is_a_value_error(app: Flask, method: str) -> None:
    app.config["PLUGIN_REGISTRY_URL"] = None
    with pytest.raises(ValueError, match="PLUGIN_REGISTRY_URL"):
        getattr(CLIENT, method)(["plugin"])


def test_search_finds_a_collection_with_the_query(registry: Any) -> None:
    found = CLIENT.search_by_rel("plugin", {"name": "hello-world"})
    assert found is not None
    assert found.is_collection_resource()
    assert found.data["collectionSize"] == 1
    assert registry.requests == ["GET /api/", "GET /api/plugins/?name=hello-world"]


def test_search_finds_an_item(registry: Any) -> None:
    found = CLIENT.search_by_rel(
        ["plugin"], {"name": "data-creator"}, allow_collection_resource=False
    )
    assert found is not None
    assert found.data["entryPoint"]["href"] == "http://runner.example/2/process/"
    assert registry.requests[-1] == "GET /api/plugins/2/?name=data-creator"


def test_search_for_an_item_of_an_empty_collection() -> None:
    query = {"name": "unknown"}
    assert CLIENT.search_by_rel("plugin", query, allow_collection_resource=False) is None


def test_search_follows_api_links_once(registry: Any) -> None:
    found = CLIENT.search_by_rel(("env", "env-var"))
    assert found is not None
    assert found.data["value"] == "on"
    assert registry.requests == ["GET /api/", "GET /api/more/", "GET /api/env/MAPS/"]


def test_search_for_what_is_not_there(registry: Any) -> None:
    assert CLIENT.search_by_rel(["plugin", "unknown"]) is None
    assert registry.requests == ["GET /api/", "GET /api/more/"]


def test_search_returns_a_matching_start_unless_told_otherwise(registry: Any) -> None:
    plugin = CLIENT.search_by_rel("api")
    assert plugin is not None
    assert plugin.data["self"]["href"] == registry.root
    other = CLIENT.search_by_rel("api", ignore_base_match=True)
    assert other is not None
    assert registry.requests[0] == "GET /api/"


def test_search_from_a_given_start(registry: Any) -> None:
    for base in (
        f"{registry.root}more/",
        {"href": "more/", "rel": [], "resourceType": "api"},
        CLIENT.fetch_by_api_link(registry.link("/api/more/", "api")),
    ):
        found = CLIENT.search_by_rel("env", base=base)
        assert found is not None
        assert found.data["value"] == "on"
    assert "GET /api/" not in registry.requests


def test_search_never_writes_unless_asked_to(registry: Any) -> None:
    CLIENT.search_by_rel("plugin")
    assert not [entry for entry in registry.requests if entry.startswith("POST")]
    answer = CLIENT.search_by_rel(["plugin", "post"], {"url": "http://a.example"})
    assert answer is not None
    assert registry.requests[-1] == "POST /api/plugins/?url=http%3A%2F%2Fa.example"


def test_path_of_rels_ends_with_a_write(registry: Any) -> None:
    answer = CLIENT.fetch_by_rel(["plugin", ["plugin", "post"]], json={"a": 1})
    assert answer is not None
    assert answer.data["self"]["resourceType"] == "accepted"
    assert registry.requests == [
        *("GET /api/", "GET /api/plugins/"),
        "POST /api/plugins/",
    ]
    assert registry.bodies == [b"", b"", b'{"a": 1}']


def test_path_of_rels_does_not_fetch_the_items(registry: Any) -> None:
    found = CLIENT.fetch_by_rel(["plugin"])
    assert found is not None
    assert registry.requests == ["GET /api/", "GET /api/plugins/"]
    item = CLIENT.fetch_by_rel(["plugin"], allow_collection_resource=False)
    assert item is not None
    assert item.data["name"] == "hello-world"


def test_path_of_rels_that_leads_nowhere() -> None:
    assert CLIENT.fetch_by_rel(["plugin", "unknown"]) is None


def test_link_decides_the_method(registry: Any) -> None:
    for rel in ([], ["update", "put"], ["create", "post"]):
        path = "/api/plugins/" if "post" in rel else "/api/plugins/1/"
        CLIENT.fetch_by_api_link(registry.link(path, "plugin", *rel), body={"x": "1"})
    assert [entry.split()[0] for entry in registry.requests] == ["GET", "PUT", "POST"]
    assert registry.bodies[1:] == [b"x=1"] * 2


def test_error_of_the_registry_is_a_request_exception(registry: Any) -> None:
    with pytest.raises(requests.HTTPError):
        CLIENT.fetch_by_api_link(registry.link("/api/missing/", "plugin"))


def test_registry_that_is_not_there_is_a_connection_error(app: Flask) -> None:
    app.config["PLUGIN_REGISTRY_URL"] = "http://127.0.0.1:9/"
    with pytest.raises(requests.ConnectionError):
        CLIENT.search_by_rel("plugin")


def test_registry_that_hangs_is_a_timeout(registry: Any) -> None:
    registry.answering.clear()
    with pytest.raises(requests.Timeout):
        PluginRegistryClient(timeout=0.2).search_by_rel("plugin")


def test_other_web_page_is_a_request_exception(registry: Any) -> None:
    registry.document = lambda *args: ["no registry"]
    with pytest.raises(requests.RequestException, match="not a document"):
        CLIENT.search_by_rel("plugin")


class TestCache:
    def test_answers_are_remembered_in_a_block(self, registry: Any) -> None:
        with CLIENT as client:
            assert client is CLIENT
            for _ in range(3):
                client.search_by_rel("plugin", {"name": "hello-world"})
        assert len(registry.requests) == 2

    def test_queries_are_told_apart(self, registry: Any) -> None:
        with CLIENT as client:
            for name, size in (("hello-world", 1), ("unknown", 0)):
                found = client.search_by_rel("plugin", {"name": name})
                assert found is not None
                assert found.data["collectionSize"] == size

    def test_nothing_is_remembered_after_or_without_a_block(self, registry: Any) -> None:
        for _ in range(2):
            with CLIENT as client:
                client.search_by_rel("plugin")
        assert len(registry.requests) == 4
        CLIENT.search_by_rel("plugin")
        CLIENT.search_by_rel("plugin")
        assert len(registry.requests) == 8

    def test_writes_are_always_sent_and_clear_the_memory(self, registry: Any) -> None:
        link = registry.link("/api/plugins/", "plugin", "post")
        with CLIENT as client:
            client.search_by_rel("plugin")
            for _ in range(3):
                client.fetch_by_api_link(link, {"url": "http://a.example"})
            client.search_by_rel("plugin")
        methods = [entry.split()[0] for entry in registry.requests]
        assert methods == ["GET"] * 2 + ["POST"] * 3 + ["GET"] * 2

    def test_failed_write_clears_the_memory(self, registry: Any) -> None:
        link = registry.link("/api/plugins/1/", "plugin", "put")
        with CLIENT as client:
            client.search_by_rel("plugin")
            registry.failures.append(500)
            with pytest.raises(requests.HTTPError):
                client.fetch_by_api_link(link)
            client.search_by_rel("plugin")
        assert len(registry.requests) == 5

    def test_errors_are_not_remembered(self, registry: Any) -> None:
        registry.failures.append(503)
        with CLIENT as client:
            with pytest.raises(requests.HTTPError):
                client.search_by_rel("plugin")
            assert client.search_by_rel("plugin") is not None

    def test_changing_an_answer_changes_no_other(self) -> None:
        with CLIENT as client:
            first = client.search_by_rel("plugin")
            assert first is not None
            first.data["items"].clear()
            second = client.search_by_rel("plugin")
            assert second is not None
            assert len(second.data["items"]) == 2


def test_blocks_nest(registry: Any) -> None:
    with CLIENT as outer:
        with CLIENT as inner:
            inner.search_by_rel("plugin")
        outer.search_by_rel("plugin")
        outer.search_by_rel("plugin")
    assert len(registry.requests) == 4


def test_threads_share_the_client_but_no_session(app: Flask, registry: Any) -> None:
    barrier, errors = threading.Barrier(6), []

    def use() -> None:
        try:
            with app.app_context(), CLIENT as client:
                barrier.wait(10)
                for _ in range(3):
                    assert client.search_by_rel("plugin") is not None
                barrier.wait(10)
        except Exception as err:
            errors.append(err)

    threads = [threading.Thread(target=use) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(registry.requests) == 12


def test_answer_gives_its_parts(registry: Any) -> None:
    root = CLIENT.search_by_rel("api")
    assert root is not None
    assert root.keyed_links[0]["key"] == ["id"]
    assert root.embedded is None
    assert len(root.get_links_by_rel("api")) == 2
    assert len(root.get_links_by_rel(["nav"], resource_type="plugin")) == 1
    plugins = CLIENT.fetch_by_rel(["plugin"], base=root)
    assert plugins is not None
    assert plugins.embedded is not None
    assert plugins.embedded[f"{registry.root}plugins/1/"].data["name"] == "hello-world"
    assert plugins.matches_rel(["plugin", "page"])
    assert not plugins.matches_rel("env")


def test_link_matches_by_type_and_rel() -> None:
    link = {"href": "", "rel": ["a", "b"], "resourceType": "t"}
    assert match_api_link(link, "a")
    assert match_api_link(link, ["t", "a", "b"])
    assert match_api_link(link, [], resource_type="t")
    assert not match_api_link(link, ["a", "c"])
    assert not match_api_link(link, "a", resource_type="b")


def test_document_without_data_is_refused() -> None:
    with pytest.raises(ValueError, match="not a document"):
        ApiResponse.from_json({"title": "something else"})
