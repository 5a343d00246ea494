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


class Scaling(Enum):
    """What happens to each attribute before the analysis; the values are labels."""

    none = "none"
    standard = "mean 0 and variance 1"
    min_max = "from 0 to 1"


class OutputFormat(Enum):
    """How the result is written; the values are labels."""

    csv = "CSV"
    json = "JSON"


class PCAParametersSchema(FrontendFormBaseSchema):
    """What to analyse, and how."""

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
    dimensions = ma.fields.Integer(
        required=False,
        load_default=2,
        validate=ma.validate.Range(min=1, max=10_000),
        metadata={
            "label": "Dimensions",
            "description": "How many dimensions the result has.",
            "input_type": "number",
        },
    )
    scaling = EnumField(
        Scaling,
        required=False,
        load_default=Scaling.none,
        metadata={
            "label": "Scaling",
            "description": "Scales each attribute first, so that large numbers do not "
            "outweigh small ones.",
            "input_type": "select",
        },
    )
    output_format = EnumField(
        OutputFormat,
        required=False,
        load_default=OutputFormat.csv,
        metadata={
            "label": "Output format",
            "description": "The format of the reduced entities.",
            "input_type": "select",
        },
    )
