# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Which URLs forms accept for data and plugins."""

from __future__ import annotations

import marshmallow as ma
import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from qhana_plugin_runner.api import extra_fields, util
from qhana_plugin_runner.api.extra_fields import FileUrl, PluginUrl
from qhana_plugin_runner.url_adapters import Client, working_for

INVALID = ["Not a valid URL."]


class Form(ma.Schema):
    """A form with both kinds of URLs."""

    file = FileUrl()
    plugin = PluginUrl()
    optional = FileUrl(allow_none=True)
    web = FileUrl(schemes=["https"])


BOTH_ACCEPT = [
    "http://localhost:5005/files/2/?file-id=w3kK2",
    "https://example.org/a.csv",
    "HTTPS://EXAMPLE.ORG/",
    "http://backend:9090/experiments/1/data/a.txt/download?version=1",
    "http://backend",
    "http://127.0.0.1/x",
    "http://[::1]:8080/x",
    "http://user:secret@example.org/x",
    "ftp://example.org/x",
    "ftps://example.org/x",
    "data:text/plain,hello",
    "data:text/csv;charset=utf-8,ID%0A1",
    "data:application/json;base64,W10=",
    "data:application/json;charset=utf-8;base64,W10=",
    "data:text/plain;base64,aGVs\r\nbG8=",
    "data:text/x-qasm,OPENQASM 2.0;",
]
ONLY_FILES_ACCEPT = [
    "file:///tmp/a.csv",
    "file://localhost/tmp/a.csv",
    "FILE:///tmp/a%20b.csv",
]
BOTH_REFUSE = [
    "/relative",
    "relative",
    "./x",
    "http://",
    "http:///x",
    "://example.org",
    "http://my_host/x",
    "http://my_host.example.org/x",
    "http://exa mple.org/",
    "http://example.org/a b",
    "http://example.org/\x00",
    "http://example.org/\n",
    "http://example.org/x\n",
    "gopher://example.org/",
    "javascript:alert(1)",
    "file://other/tmp/a.csv",
    "file:/tmp/a.csv",
    "file://",
    "file:///tmp/a b",
    "data:,hello",
    "data:text,hello",
    "data:;base64,aGVsbG8=",
    "data:text/plain",
    "data:text/plain,\x00",
    " http://example.org/",
]


@pytest.mark.parametrize("url", BOTH_ACCEPT)
def test_accepted_urls_are_loaded_unchanged(url: str) -> None:
    assert Form().load({"file": url, "plugin": url}) == {"file": url, "plugin": url}


@pytest.mark.parametrize("url", ONLY_FILES_ACCEPT)
def test_file_urls_are_data_but_no_plugins(url: str) -> None:
    assert Form().validate({"file": url, "plugin": url}) == {"plugin": INVALID}


@pytest.mark.parametrize("url", BOTH_REFUSE)
def test_other_texts_are_refused(url: str) -> None:
    errors = Form().validate({"file": url, "plugin": url})
    assert errors == {"file": INVALID, "plugin": INVALID}


@pytest.mark.parametrize("url", ONLY_FILES_ACCEPT)
@pytest.mark.parametrize(("address", "ok"), [("10.0.0.1", True), ("8.8.8.8", False)])
def test_file_urls_of_clients_from_outside_are_refused(
    url: str, address: str, ok: bool
) -> None:
    errors = {} if ok else {"file": ["Files of the server are not accepted."]}
    environ = {"REMOTE_ADDR": address}
    with Flask("form").test_request_context("/", environ_base=environ):
        assert Form().validate({"file": url}) == errors
        assert Form().validate({"file": "http://a/", "plugin": "http://a/"}) == {}


def test_a_task_may_read_a_file_url_again() -> None:
    with Flask("form").app_context(), working_for(Client(is_local=False)):
        assert Form().validate({"file": "file:///a"}) == {}


def test_schemes_can_be_restricted() -> None:
    urls = ("https://a/", "http://a/", "file:///a", "data:a/b,c")
    refused = [url for url in urls if Form().validate({"web": url})]
    assert refused == ["http://a/", "file:///a", "data:a/b,c"]


def test_the_empty_text_counts_as_null() -> None:
    assert Form().load({"optional": ""}) == {"optional": None}
    assert Form().validate({"file": "", "plugin": ""}) == {
        "file": ["Field may not be null."],
        "plugin": ["Field may not be null."],
    }


def test_a_value_that_is_no_text_is_refused() -> None:
    assert set(Form().validate({"file": 1, "plugin": ["http://a/"]})) == {
        "file",
        "plugin",
    }


def test_the_documented_arguments_are_kept_as_metadata() -> None:
    file = FileUrl(
        data_input_type="entity/list",
        data_content_types=["text/csv"],
        metadata={"label": "Data"},
    )
    assert file.metadata == {
        "label": "Data",
        "data_input_type": "entity/list",
        "data_content_types": ["text/csv"],
    }
    plugin = PluginUrl(plugin_tags=["a", "!b"], plugin_name="n", plugin_version="v1")
    assert plugin.metadata == {
        "plugin_tags": ["a", "!b"],
        "plugin_name": "n",
        "plugin_version": "v1",
    }


def test_hints_in_the_metadata_are_not_overwritten_by_missing_arguments() -> None:
    assert FileUrl(metadata={"data_input_type": "x"}).metadata["data_input_type"] == "x"


def test_both_are_url_fields_for_whoever_looks_at_types() -> None:
    assert isinstance(FileUrl(), ma.fields.Url)
    assert isinstance(PluginUrl(), ma.fields.Url)


def test_a_message_of_the_plugin_is_used() -> None:
    schema = ma.Schema.from_dict(
        {"url": FileUrl(error_messages={"invalid": "Choose a file."})}
    )()
    assert schema.validate({"url": "x"}) == {"url": ["Choose a file."]}


def test_unknown_keywords_do_not_fail() -> None:
    with pytest.warns(DeprecationWarning):
        field = FileUrl(required=True, load_missing="")
    assert field.required


def test_both_modules_offer_the_fields() -> None:
    assert util.FileUrl is extra_fields.FileUrl
    assert util.PluginUrl is extra_fields.PluginUrl


@given(st.text())
def test_no_text_breaks_the_validator(text: str) -> None:
    errors = Form().validate({"file": text, "plugin": text})
    assert set(errors) <= {"file", "plugin"}
