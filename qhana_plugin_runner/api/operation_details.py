# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""What the OpenAPI document says about each operation beyond what its view says.

Plugins document the answers of a success, seldom those of the code that all views share:
tokens, limits, broken bodies. This is added here, so that the document of an unmodified
plugin is complete as well:

* the error answers that any view may give (a status that the view documents stays)
* ``2XX`` for a view that documents no answer but errors
* one plain schema for the parts of a form, in which ``null`` cannot be sent, and whether
  fields are refused that it does not name
* that errors are pages for browsers
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from apispec import APISpec, BasePlugin

from qhana_plugin_runner.api.argument_details import CLOSED
from qhana_plugin_runner.api.request_data import FORM_TYPES

_ERROR = "DEFAULT_ERROR"
_JSON = "application/json"
_HTML = "text/html"
_READING = ("get", "head", "options")
_SCHEMA_PREFIX = "#/components/schemas/"

#: Statuses of code that all views share: tokens that are not valid, …
_ANY_REQUEST = ("401",)
#: … variable parts of the path that name nothing, …
_PATHS_WITH_PARAMETERS = ("404",)
#: … bodies that are broken, too long or of another type, …
_REQUESTS_WITH_BODY = ("400", "413", "415")
#: … requests from a page of another origin, too many of them, or a service is away.
_CHANGING_REQUESTS = ("403", "429", "503")


class OperationDetails(BasePlugin):
    """A plugin of apispec; it must come after the one of marshmallow."""

    _spec: APISpec

    def init_spec(self, spec: APISpec) -> None:
        """Remember the specification, whose schemas are looked up."""
        self._spec = spec

    def operation_helper(
        self, path: str | None = None, operations: dict | None = None, **kwargs: Any
    ) -> None:
        """Complete the operations of a path."""
        for method, operation in (operations or {}).items():
            self._simplify_bodies(operation)
            responses = operation.setdefault("responses", {})
            if all(str(status)[0] in "45d" for status in responses):
                responses["2XX"] = {"description": "The view does not say more."}
            for status in _shared_statuses(path or "", method, operation):
                if not _has_status(responses, status):
                    responses[status] = _ERROR

    def response_helper(self, response: dict, **kwargs: Any) -> dict:
        """Add to an error that browsers get a page about it."""
        content = response.get("content", {})
        described = content.get(_JSON, {}).get("schema")
        if isinstance(described, dict) and described.get("$ref", "").endswith("/Error"):
            page = {_HTML: {"schema": {"type": "string"}}}
            return {"content": {**content, **page}}
        return {}

    def _simplify_bodies(self, operation: dict[str, Any]) -> None:
        contents = operation.get("requestBody", {}).get("content", {})
        for media_type, content in contents.items():
            if CLOSED in content.get("schema", {}):
                is_form = media_type in FORM_TYPES
                content["schema"] = self._body_schema(content["schema"], is_form)

    def _body_schema(self, schema: dict[str, Any], is_form: bool) -> dict[str, Any]:
        """Describe a body by one schema; the fields of a form are never null."""
        is_closed, parts = schema[CLOSED], schema["allOf"]
        if len(parts) == 1 and self._is_exact(parts[0], is_closed, is_form):
            return parts[0]  # a reference, which is easier to read
        merged: dict[str, Any] = {"type": "object", "properties": {}}
        required: set[str] = set()
        for part in map(self._resolve, parts):
            for name, field in part.get("properties", {}).items():
                merged["properties"][name] = _form_field(field) if is_form else field
            required.update(part.get("required", []))
        if is_closed:
            merged["additionalProperties"] = False
        if required:
            merged["required"] = sorted(required)
        return merged

    def _is_exact(self, part: dict[str, Any], is_closed: bool, is_form: bool) -> bool:
        schema = self._resolve(part)
        if schema.get("type") != "object":  # a list of objects
            return True
        fields = schema.get("properties", {}).values()
        if is_form and any(_form_field(field) != field for field in fields):
            return False
        return is_closed is (schema.get("additionalProperties") is False)

    def _resolve(self, schema: dict[str, Any]) -> dict[str, Any]:
        reference = schema.get("$ref", "")
        if not reference.startswith(_SCHEMA_PREFIX):
            return schema
        return self._spec.components.schemas[reference.removeprefix(_SCHEMA_PREFIX)]


def _shared_statuses(path: str, method: str, operation: dict) -> Iterator[str]:
    yield from _ANY_REQUEST
    if "{" in path:
        yield from _PATHS_WITH_PARAMETERS
    if "requestBody" in operation:
        yield from _REQUESTS_WITH_BODY
    if method not in _READING:
        yield from _CHANGING_REQUESTS


def _has_status(responses: dict[Any, Any], status: str) -> bool:
    return any(str(key) in (status, f"{status[0]}XX") for key in responses)


def _form_field(field: dict[str, Any]) -> dict[str, Any]:
    """Describe what a form can send for a field: no null, and lists value by value."""
    field = {key: value for key, value in field.items() if key != "nullable"}
    if "enum" in field:
        field["enum"] = [choice for choice in field["enum"] if choice is not None]
    if field.get("default", "") is None:
        del field["default"]
    if field.get("type") == "array" and field.get("items"):
        return {"anyOf": [field, field["items"]]}  # one value is a list of one
    return field
