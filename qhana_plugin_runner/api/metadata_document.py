# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The JSON of a plugin's metadata, put together by hand.

Registries ask every plugin for it, again and again. It is the same document that the
schemas write, for metadata of the usual kind; all else is left to the schemas: texts that
are translated when they are written, subclasses of the dataclasses, values that a schema
would convert.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qhana_plugin_runner.api.plugin_metadata import (
    ApiLink,
    DataMetadata,
    EntryPoint,
    InputDataMetadata,
    OutputDataMetadata,
    PluginDependencyMetadata,
    PluginMetadata,
    PluginType,
)


class _Unusual(Exception):
    """Something that only a schema knows how to write."""


def metadata_document(metadata: Any) -> dict[str, Any] | None:
    """Return the JSON document of a plugin's metadata.

    Args:
        metadata: what the view of the plugin has returned.

    Returns:
        ``None`` if a schema has to write it.
    """
    if (
        type(metadata) is not PluginMetadata
        or type(metadata.entry_point) is not EntryPoint
    ):
        return None
    try:
        return {
            "title": _text(metadata.title),
            "description": _text(metadata.description),
            "name": _text(metadata.name),
            "version": _text(metadata.version),
            "type": _type(metadata.type),
            "entryPoint": _entry_point(metadata.entry_point),
            "tags": _list(metadata.tags, _text),
            "links": _list(metadata.links, _link),
        }
    except _Unusual:
        return None


def _entry_point(entry: EntryPoint) -> dict[str, Any]:
    return {
        "href": _text(entry.href),
        "uiHref": _text(entry.ui_href),
        "pluginDependencies": _list(entry.plugin_dependencies, _dependency),
        "dataInput": _list(entry.data_input, _input),
        "dataOutput": _list(entry.data_output, _output),
    }


def _text(value: Any) -> str:
    if type(value) is not str:
        raise _Unusual
    return value


def _flag(value: Any) -> bool:
    if type(value) is not bool:
        raise _Unusual
    return value


def _type(value: Any) -> str:
    if type(value) is not PluginType:
        raise _Unusual
    return value.name


def _list(values: Any, write: Callable[[Any], Any]) -> list[Any]:
    if type(values) not in (list, tuple):
        raise _Unusual
    return [write(value) for value in values]


def _data(data: DataMetadata) -> dict[str, Any]:
    return {
        "dataType": _text(data.data_type),
        "contentType": _list(data.content_type, _text),
        "required": _flag(data.required),
    }


def _input(data: Any) -> dict[str, Any]:
    if type(data) is not InputDataMetadata:
        raise _Unusual
    return {**_data(data), "parameter": _text(data.parameter)}


def _output(data: Any) -> dict[str, Any]:
    if type(data) is not OutputDataMetadata:
        raise _Unusual
    return {**_data(data), "name": None if data.name is None else _text(data.name)}


def _dependency(dependency: Any) -> dict[str, Any]:
    if type(dependency) is not PluginDependencyMetadata:
        raise _Unusual
    document: dict[str, Any] = {
        "parameter": _text(dependency.parameter),
        "required": _flag(dependency.required),
    }
    if dependency.name is not None:
        document["name"] = _text(dependency.name)
    if dependency.version is not None:
        document["version"] = _text(dependency.version)
    if dependency.tags is not None:
        document["tags"] = _list(dependency.tags, _text)
    if dependency.type is not None:
        document["type"] = _type(dependency.type)
    return document


def _link(link: Any) -> dict[str, Any]:
    if type(link) is not ApiLink:
        raise _Unusual
    return {"type": _text(link.type), "href": _text(link.href)}
