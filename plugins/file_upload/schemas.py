# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The form of the plugin. The file itself is in a schema of its own, because a request
carries it in another place than the text fields."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from werkzeug.datastructures import FileStorage

from qhana_plugin_runner.api.util import FrontendFormBaseSchema, MaBaseSchema

from .names import CONTENT_TYPE_PATTERN, DATA_TYPE_PATTERN, MAX_TYPE_LENGTH


def _check_data_type(value: str) -> None:
    if len(value) > MAX_TYPE_LENGTH or not DATA_TYPE_PATTERN.fullmatch(value):
        raise ma.ValidationError(
            "Not a data type. Expected something like 'entity/list', without wildcards."
        )


def _check_content_type(value: str) -> None:
    if not value:
        return
    if len(value) > MAX_TYPE_LENGTH or not CONTENT_TYPE_PATTERN.fullmatch(value):
        raise ma.ValidationError(
            "Not a content type. Expected something like 'text/csv'."
        )


def _check_file(value: Any) -> None:
    # A browser sends an empty part without a name if no file was chosen.
    if not isinstance(value, FileStorage) or not value.filename:
        raise ma.ValidationError("No file was chosen.")


class UploadFileSchema(MaBaseSchema):
    """The part of the request that is the file."""

    file = ma.fields.Raw(
        required=True,
        validate=_check_file,
        metadata={"type": "string", "format": "binary"},
    )


class UploadParametersSchema(FrontendFormBaseSchema):
    """The text fields of the request."""

    data_type = ma.fields.String(
        required=True,
        allow_none=False,
        validate=_check_data_type,
        metadata={
            "label": "Data type",
            "description": "What the data means, for example `entity/list`, "
            "`entity/vector` or `relation/list`.",
            "input_type": "text",
            "pattern": f"^{DATA_TYPE_PATTERN.pattern}$",
            "maxLength": MAX_TYPE_LENGTH,
            "datalist": [
                "entity/list",
                "entity/numeric",
                "entity/vector",
                "entity/label",
                "relation/list",
                "graph/taxonomy",
            ],
        },
    )
    content_type = ma.fields.String(
        required=False,
        load_default="",
        validate=_check_content_type,
        metadata={
            "label": "Content type",
            "description": "The format of the file, for example `text/csv`. If this is "
            "empty, the extension of the file name decides.",
            "input_type": "text",
            "pattern": f"^({CONTENT_TYPE_PATTERN.pattern})?$",
            "maxLength": MAX_TYPE_LENGTH,
            "datalist": ["text/csv", "application/json", "application/X-lines+json"],
        },
    )


class UploadFormSchema(UploadParametersSchema):
    """All fields of the micro frontend, the file first."""

    file = ma.fields.Raw(
        required=True,
        metadata={
            "label": "File",
            "description": "The file to upload.",
            "input_type": "file",
        },
    )

    class Meta:
        fields = ("file", "data_type", "content_type")
