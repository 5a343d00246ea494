# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Metadata that is written by hand is what the schemas write."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import Schema
from marshmallow.fields import String

from qhana_plugin_runner.api.metadata_document import metadata_document
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
)

TEXT = st.text(max_size=5)
TEXTS = st.lists(TEXT, max_size=2)
TYPE = st.sampled_from(PluginType)
USUAL = st.builds(
    PluginMetadata,
    title=TEXT,
    description=TEXT,
    name=TEXT,
    version=TEXT,
    type=TYPE,
    tags=TEXTS,
    links=st.lists(st.builds(ApiLink, TEXT, TEXT), max_size=2),
    entry_point=st.builds(
        EntryPoint,
        TEXT,
        TEXT,
        st.lists(st.builds(InputDataMetadata, TEXT, TEXTS, st.booleans(), TEXT)),
        st.lists(
            st.builds(OutputDataMetadata, TEXT, TEXTS, st.booleans(), st.none() | TEXT)
        ),
        st.lists(
            st.builds(
                PluginDependencyMetadata,
                TEXT,
                st.booleans(),
                st.none() | TEXT,
                st.none() | TEXT,
                st.none() | TEXTS,
                st.none() | TYPE,
            )
        ),
    ),
)


class Lazy:
    """A text that is translated when it is written."""

    def __str__(self) -> str:
        return "translated"


def metadata(**changes: Any) -> PluginMetadata:
    usual: dict[str, Any] = {
        "title": "t",
        "description": "d",
        "name": "n",
        "version": "v1",
        "type": PluginType.processing,
        "entry_point": EntryPoint("/process/", "/ui/"),
    }
    return PluginMetadata(**{**usual, **changes})


def entry(**parts: Any) -> dict[str, Any]:
    return {"entry_point": EntryPoint("/process/", "/ui/", **parts)}


@given(USUAL)
def test_usual_metadata_is_what_the_schemas_write(usual: PluginMetadata):
    assert metadata_document(usual) == Schema.dump(PluginMetadataSchema(), usual)


@pytest.mark.parametrize(
    "changes",
    [
        {"description": Lazy()},
        {"title": None},
        {"version": b"v1"},
        {"tags": {"a"}},
        {"tags": None},
        {"tags": [1]},
        {"type": "processing"},
        {"links": [{"type": "x", "href": "y"}]},
        {"entry_point": {"href": "/a/", "ui_href": "/b/"}},
        entry(data_input=[DataMetadata("a", ["b"], True)]),
        entry(data_input=[OutputDataMetadata("a", ["b"], True, "c")]),
        entry(data_input=[InputDataMetadata("a", ["b"], "yes", "c")]),  # type: ignore
        entry(data_output=[DataMetadata("a", ["b"], True)]),
    ],
)
def test_unusual_metadata_is_left_to_the_schemas(changes: dict[str, Any]):
    assert metadata_document(metadata(**changes)) is None


def test_the_schema_writes_unusual_metadata():
    document = PluginMetadataSchema().dump(metadata(description=Lazy()))
    assert document["description"] == "translated"
    assert document["entryPoint"]["href"] == "/process/"


def test_the_schema_takes_something_else_than_metadata():
    assert PluginMetadataSchema().dump({"title": "x"}) == {"title": "x"}


def test_a_choice_of_fields_is_written():
    one = metadata()
    assert PluginMetadataSchema(only=("name",)).dump(one) == {"name": "n"}
    assert "name" not in PluginMetadataSchema(exclude=("name",)).dump(one)


def test_many_are_written():
    both = [metadata(), metadata(name="m")]
    names = [entry["name"] for entry in PluginMetadataSchema(many=True).dump(both)]
    assert names == ["n", "m"]
    assert len(PluginMetadataSchema().dump(both, many=True)) == 2


def test_a_schema_of_a_plugin_may_have_more_fields():
    class More(PluginMetadataSchema):
        extra = String(dump_default="more")

    assert More().dump(metadata())["extra"] == "more"
