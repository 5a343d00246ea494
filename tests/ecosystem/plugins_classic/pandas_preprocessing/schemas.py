# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Forms with keywords that newer versions of marshmallow refuse."""

from enum import Enum

import marshmallow as ma

from qhana_plugin_runner.api import EnumField
from qhana_plugin_runner.api.util import FileUrl, FrontendFormBaseSchema


class PreprocessingEnum(Enum):
    """The options of a step."""

    do_nothing = "Do nothing"
    sort_values = "Sort values"
    fail = "Fail"


class FirstInputParametersSchema(FrontendFormBaseSchema):
    """The first form."""

    file_url = FileUrl(
        required=True,
        allow_none=False,
        load_only=True,
        data_input_type="*",
        data_content_types=["text/csv"],
        metadata={"label": "File", "description": "URL to a file.", "input_type": "text"},
    )


class SecondInputParametersSchema(FrontendFormBaseSchema):
    """The form of each step; the order of its fields is changed."""

    n_rows = ma.fields.Number(load_missing=3, metadata={"label": "Rows"})
    fill_value = ma.fields.String(
        missing="", description="An old keyword.", metadata={"label": "Fill value"}
    )
    axis = ma.fields.Integer(default=0, load_default=0, metadata={"label": "Axis"})
    preprocessing_enum = EnumField(
        PreprocessingEnum,
        required=True,
        allow_none=False,
        metadata={"label": "Strategy", "input_type": "select"},
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        first = ("preprocessing_enum", "axis")
        self.fields = {
            name: self.fields[name]
            for name in (*first, *(f for f in self.fields if f not in first))
        }
