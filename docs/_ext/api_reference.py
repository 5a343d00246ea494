# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Reference pages about interfaces, generated like those of :mod:`reference`.

``.. http-endpoints::`` lists the runner's own routes from its OpenAPI document,
``.. messages::`` the messages of ``asyncapi.yaml``, ``.. input-types::`` how fields
become form controls and ``.. plugin-types::`` the types of plugins.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from reference import GeneratedDirective
from sphinx.application import Sphinx

ASYNCAPI = Path(__file__).resolve().parent.parent / "asyncapi.yaml"


@cache
def openapi() -> dict[str, Any]:
    """Return the OpenAPI document of a runner without plugins."""
    name = "QHANA_PLUGIN_RUNNER_INSTANCE_FOLDER"
    before = os.environ.get(name)
    with tempfile.TemporaryDirectory() as folder:
        os.environ[name] = folder
        try:
            from qhana_plugin_runner import create_app

            app = create_app({"SECRET_KEY": "documentation"}, silent_log=True)
            return app.test_client().get("/api-spec.json").get_json()
        finally:
            os.environ.pop(name)
            if before is not None:
                os.environ[name] = before


class HttpEndpoints(GeneratedDirective):
    """All routes of the runner with their parameters and answers."""

    def lines(self) -> Iterator[str]:
        for path, operations in openapi()["paths"].items():
            shared = operations.get("parameters", [])
            for method, operation in operations.items():
                if method == "parameters":
                    continue
                yield f".. describe:: {method.upper()} {path}"
                yield ""
                yield f"   {operation.get('summary', '')}"
                yield ""
                for line in operation.get("description", "").splitlines():
                    yield f"   {line}".rstrip()
                yield ""
                for parameter in [*shared, *operation.get("parameters", [])]:
                    yield from self.parameter(resolved(parameter))
                yield "   Answers:"
                yield ""
                for status, answer in operation["responses"].items():
                    text = resolved(answer).get("description", "")
                    yield f"   * ``{status}`` {text}".rstrip()
                yield ""

    def parameter(self, parameter: dict[str, Any]) -> Iterator[str]:
        """Yield the lines of one parameter."""
        needed = "required" if parameter.get("required") else "optional"
        schema = parameter.get("schema", {})
        kind = schema.get("type", "value")
        text = parameter.get("description") or schema.get("description") or ""
        where = f"``{parameter['name']}`` ({parameter['in']}, {kind}, {needed})"
        yield f"   * {where}{': ' if text else ''}{text}"
        yield ""


def resolved(part: dict[str, Any]) -> dict[str, Any]:
    """Follow a reference within the OpenAPI document."""
    if "$ref" not in part:
        return part
    target: Any = openapi()
    for key in part["$ref"].removeprefix("#/").split("/"):
        target = target[key]
    return target


class Messages(GeneratedDirective):
    """The messages of one direction; the argument is the name of the channel."""

    required_arguments = 1

    def lines(self) -> Iterator[str]:
        document = yaml.safe_load(ASYNCAPI.read_text(encoding="utf-8"))
        messages = document["components"]["messages"]
        for name in document["channels"][self.arguments[0]]["messages"]:
            message = messages[name]
            payload = message["payload"]
            plain = payload["type"] == "string"
            shown = payload["const"] if plain else name
            yield f".. describe:: {shown}"
            yield ""
            yield f"   **{message['title']}**, {'a text' if plain else 'an object'}."
            yield f"   {message['summary']}"
            yield ""
            for key, schema in payload.get("properties", {}).items():
                if key != "type":
                    optional = "" if key in payload["required"] else ", optional"
                    yield f"   * ``{key}`` ({kind_of(schema)}{optional}): "
                    yield f"     {schema['description']}"
            yield ""


def kind_of(schema: dict[str, Any]) -> str:
    """Return what kind of value a JSON schema describes, in words."""
    if "enum" in schema:
        return " or ".join(f"``{value}``" for value in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {schema['items']['type']}s"
    kinds = schema.get("type", "any")
    return " or ".join(kinds) if isinstance(kinds, list) else kinds


class InputTypes(GeneratedDirective):
    """Which form control a field gets without ``input_type`` in its metadata."""

    def lines(self) -> Iterator[str]:
        from qhana_plugin_runner.frontend.forms import _INPUT_TYPES

        yield ".. list-table::"
        yield "   :header-rows: 1"
        yield ""
        yield from self.row("field", "input type")
        for classes, input_type in _INPUT_TYPES:
            several = classes if isinstance(classes, tuple) else (classes,)
            names = ", ".join(f"``{class_.__name__}``" for class_ in several)
            yield from self.row(names, f"``{input_type}``")

    def row(self, *cells: str) -> Iterator[str]:
        """Yield the lines of one table row."""
        for number, cell in enumerate(cells):
            yield f"   {'*' if number == 0 else ' '} - {cell}"


class PluginTypes(GeneratedDirective):
    """The values of ``type`` in the metadata of plugins."""

    def lines(self) -> Iterator[str]:
        from qhana_plugin_runner.api.plugin_schemas import PluginType

        for member in PluginType:
            yield f"* ``{member.name}``"


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directives."""
    app.add_directive("http-endpoints", HttpEndpoints)
    app.add_directive("messages", Messages)
    app.add_directive("input-types", InputTypes)
    app.add_directive("plugin-types", PluginTypes)
    return {"parallel_read_safe": True}
