"""The form of the plugin."""

from __future__ import annotations

import marshmallow as ma

from qhana_plugin_runner.api.util import FrontendFormBaseSchema


class ParametersSchema(FrontendFormBaseSchema):
    """The form: one field for each input."""

    text = ma.fields.String(
        required=True,
        metadata={
            "label": "Text",
            "description": "The text to write.",
            "input_type": "textarea",
        },
    )
