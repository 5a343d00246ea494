# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The form of the plugin."""

from __future__ import annotations

import marshmallow as ma

from qhana_plugin_runner.api.extra_fields import FileUrl
from qhana_plugin_runner.api.util import FrontendFormBaseSchema

from .table import CONTENT_TYPES


class TableParametersSchema(FrontendFormBaseSchema):
    """Which file to show, and how much of it."""

    data = FileUrl(
        required=True,
        allow_none=False,
        data_input_type="entity/*",
        data_content_types=list(CONTENT_TYPES),
        metadata={
            "label": "Entities",
            "description": "The URL of a CSV or JSON file with entities.",
        },
    )
    max_rows = ma.fields.Integer(
        required=False,
        load_default=1000,
        validate=ma.validate.Range(min=1, max=20_000),
        metadata={
            "label": "Rows",
            "description": "At most this many rows are shown.",
            "input_type": "number",
        },
    )
