# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The form of the plugin."""

from __future__ import annotations

from enum import Enum

import marshmallow as ma

from qhana_plugin_runner.api import EnumField
from qhana_plugin_runner.api.extra_fields import CSVList, FileUrl
from qhana_plugin_runner.api.util import FrontendFormBaseSchema

CONTENT_TYPES = ("text/csv", "application/json", "application/X-lines+json")


class OutputFormat(Enum):
    """How the result is written; the values are labels."""

    csv = "CSV"
    json = "JSON"


class KMeansParametersSchema(FrontendFormBaseSchema):
    """What to cluster, and how."""

    entities_url = FileUrl(
        required=True,
        allow_none=False,
        data_input_type="entity/*",
        data_content_types=list(CONTENT_TYPES),
        metadata={
            "label": "Entities",
            "description": "The URL of a CSV or JSON file with entities.",
        },
    )
    attributes = CSVList(
        element_type=ma.fields.String,
        required=False,
        load_default=list,
        metadata={
            "label": "Attributes",
            "description": "The attributes to use, separated by commas. If this is "
            "empty, all attributes are used that are numbers.",
            "input_type": "textarea",
        },
    )
    clusters = ma.fields.Integer(
        required=False,
        load_default=3,
        validate=ma.validate.Range(min=1, max=10_000),
        metadata={
            "label": "Clusters",
            "description": "The number of clusters.",
            "input_type": "number",
        },
    )
    seed = ma.fields.Integer(
        required=False,
        load_default=0,
        validate=ma.validate.Range(min=0, max=2**32 - 1),
        metadata={
            "label": "Random seed",
            "description": "The same seed gives the same clusters.",
            "input_type": "number",
        },
    )
    output_format = EnumField(
        OutputFormat,
        required=False,
        load_default=OutputFormat.csv,
        metadata={
            "label": "Output format",
            "description": "The format of the labels.",
            "input_type": "select",
        },
    )
