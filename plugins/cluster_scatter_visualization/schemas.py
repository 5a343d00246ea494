# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The form of the plugin."""

from __future__ import annotations

from qhana_plugin_runner.api.extra_fields import FileUrl
from qhana_plugin_runner.api.util import FrontendFormBaseSchema

CONTENT_TYPES = ("text/csv", "application/json", "application/X-lines+json")


class ScatterParametersSchema(FrontendFormBaseSchema):
    """Which points to draw, and in which colours."""

    entities_url = FileUrl(
        required=True,
        allow_none=False,
        data_input_type="entity/vector",
        data_content_types=list(CONTENT_TYPES),
        metadata={
            "label": "Points",
            "description": "The URL of a CSV or JSON file with points. Their first two "
            "attributes are drawn.",
        },
    )
    clusters_url = FileUrl(
        required=False,
        allow_none=True,
        load_default=None,
        data_input_type="entity/label",
        data_content_types=list(CONTENT_TYPES),
        metadata={
            "label": "Clusters",
            "description": "The URL of a CSV or JSON file with the labels of the points.",
            "related_to": "entities_url",
            "relation": "post",
        },
    )
