# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The JSON of what a plugin says about itself; the dataclasses are public here, too."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from marshmallow import EXCLUDE, post_dump, post_load
from marshmallow.fields import Boolean, List, Nested, String, Url

from qhana_plugin_runner.api.extra_fields import EnumField
from qhana_plugin_runner.api.metadata_document import metadata_document
from qhana_plugin_runner.api.plugin_metadata import (
    ApiLink,
    DataMetadata,
    EntryPoint,
    InputDataMetadata,
    OutputDataMetadata,
    PluginDependencyMetadata,
    PluginMetadata,
    PluginType,
    ProgressMetadata,
    StepMetadata,
    WebhookParams,
)
from qhana_plugin_runner.api.util import MaBaseSchema

__all__ = [
    "ApiLink",
    "ApiLinkSchema",
    "DataMetadata",
    "EntryPoint",
    "EntryPointSchema",
    "InputDataMetadata",
    "InputDataMetadataSchema",
    "MaBaseSchema",
    "OutputDataMetadata",
    "OutputDataMetadataSchema",
    "PluginDependencyMetadata",
    "PluginDependencyMetadataSchema",
    "PluginMetadata",
    "PluginMetadataSchema",
    "PluginType",
    "ProgressMetadata",
    "StepMetadata",
    "WebhookParams",
    "WebhookParamsSchema",
]


class _HrefField(Url):
    """An absolute URL or an absolute path; percent-encoding is undone when loading."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(relative=True, require_tld=False, **kwargs)

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        return unquote(super()._deserialize(value, *args, **kwargs))


class _PluginSchema(MaBaseSchema):
    # Newer plugins send more (stepId, schema, ...): clients have to tolerate it.
    class Meta:
        unknown = EXCLUDE


class ApiLinkSchema(_PluginSchema):
    """Schema of :class:`ApiLink`."""

    type = String(required=True)
    href = _HrefField(required=True)

    @post_load
    def _make(self, data: dict[str, Any], **kwargs: Any) -> ApiLink:
        return ApiLink(**data)


class _DataMetadataSchema(_PluginSchema):
    data_type = String(required=True)
    content_type = List(String(), required=True)
    required = Boolean(required=True)


class InputDataMetadataSchema(_DataMetadataSchema):
    """Schema of :class:`InputDataMetadata`, and of inputs without parameter."""

    parameter = String()

    @post_load
    def _make(self, data: dict[str, Any], **kwargs: Any) -> DataMetadata:
        return InputDataMetadata(**data) if "parameter" in data else DataMetadata(**data)


class OutputDataMetadataSchema(_DataMetadataSchema):
    """Schema of :class:`OutputDataMetadata`, and of outputs without name."""

    name = String(allow_none=True)

    @post_load
    def _make(self, data: dict[str, Any], **kwargs: Any) -> DataMetadata:
        return OutputDataMetadata(**data) if "name" in data else DataMetadata(**data)


class PluginDependencyMetadataSchema(_PluginSchema):
    """Schema of :class:`PluginDependencyMetadata`; what is not set is left out."""

    parameter = String(required=True)
    required = Boolean(required=True)
    name = String(allow_none=True)
    version = String(allow_none=True)
    tags = List(String(), allow_none=True)
    type = EnumField(PluginType, allow_none=True)

    @post_dump
    def _leave_out_unset(self, data: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
        return {key: value for key, value in data.items() if value is not None}

    @post_load
    def _make(self, data: dict[str, Any], **kwargs: Any) -> PluginDependencyMetadata:
        return PluginDependencyMetadata(**data)


class EntryPointSchema(_PluginSchema):
    """Schema of :class:`EntryPoint`."""

    href = _HrefField(required=True)
    ui_href = _HrefField(required=True)
    plugin_dependencies = List(Nested(PluginDependencyMetadataSchema))
    data_input = List(Nested(InputDataMetadataSchema), required=True)
    data_output = List(Nested(OutputDataMetadataSchema), required=True)

    @post_load
    def _make(self, data: dict[str, Any], **kwargs: Any) -> EntryPoint:
        return EntryPoint(**data)


class PluginMetadataSchema(_PluginSchema):
    """Schema of :class:`PluginMetadata`."""

    title = String(required=True)
    description = String(required=True)
    name = String(required=True)
    version = String(required=True)
    type = EnumField(PluginType, required=True)
    entry_point = Nested(EntryPointSchema, required=True)
    tags = List(String(), required=True)
    links = List(Nested(ApiLinkSchema))

    @post_load
    def _make(self, data: dict[str, Any], **kwargs: Any) -> PluginMetadata:
        return PluginMetadata(**data)

    def dump(self, obj: Any, *, many: bool | None = None) -> Any:
        """Return the JSON document of metadata, see :meth:`marshmallow.Schema.dump`."""
        # Of a subclass, or with a choice of fields, it is another document.
        is_whole = type(self) is PluginMetadataSchema and len(self.dump_fields) == len(
            self._declared_fields
        )
        document = metadata_document(obj) if is_whole and not self.many else None
        return super().dump(obj, many=many) if document is None or many else document


class WebhookParamsSchema(MaBaseSchema):
    """Schema of :class:`WebhookParams`."""

    source = Url(
        required=True,
        schemes=("http", "https"),
        require_tld=False,
        metadata={"description": "URL of the task that changed."},
    )
    event = String(
        required=False,
        allow_none=True,
        load_default=None,
        metadata={"description": "What changed: status, steps or details."},
    )

    @post_load
    def _make(self, data: dict[str, Any], **kwargs: Any) -> WebhookParams:
        return WebhookParams(**data)
