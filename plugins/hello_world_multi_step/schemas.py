# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The forms of the plugin."""

from __future__ import annotations

import marshmallow as ma

from qhana_plugin_runner.api.util import FrontendFormBaseSchema


class HelloWorldParametersSchema(FrontendFormBaseSchema):
    """The form of the task."""

    input_str = ma.fields.String(
        required=True,
        allow_none=False,
        metadata={
            "label": "First text",
            "description": "The text that is written to `output1.txt`.",
            "input_type": "textarea",
        },
    )


class DemoStepParametersSchema(FrontendFormBaseSchema):
    """The form of the step."""

    input_str = ma.fields.String(
        required=True,
        allow_none=False,
        metadata={
            "label": "Second text",
            "description": "The text that is written to `output2.txt`.",
            "input_type": "textarea",
        },
    )
