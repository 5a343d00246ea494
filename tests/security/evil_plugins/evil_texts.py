# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""A plugin whose texts come from an attacker, as those of virtual plugins do.

The payload is in an environment variable. One view has a script of its own, which runs:
plugins are trusted, their texts are not.
"""

from __future__ import annotations

import os
from typing import Any

import marshmallow as ma
from flask import Flask, jsonify, render_template, request

from qhana_plugin_runner.api.util import FrontendFormBaseSchema, SecurityBlueprint
from qhana_plugin_runner.util.plugins import QHAnaPluginBase, plugin_identifier

PAYLOAD = os.environ.get("EVIL_PAYLOAD", "")
IDENTIFIER = plugin_identifier("evil-texts", "v1.0.0")
BLP = SecurityBlueprint(IDENTIFIER, __name__, description=PAYLOAD)


class EvilTexts(QHAnaPluginBase):
    """Its texts are HTML."""

    name = "evil-texts"
    version = "v1.0.0"
    description = PAYLOAD
    tags = [PAYLOAD, f"</li>{PAYLOAD}"]

    def __init__(self, app: Flask | None) -> None:
        super().__init__(app)

    def get_api_blueprint(self) -> SecurityBlueprint:
        """Return the blueprint."""
        return BLP


class EvilForm(FrontendFormBaseSchema):
    """A form with texts and choices of an attacker."""

    text = ma.fields.String(metadata={"label": PAYLOAD, "description": PAYLOAD})
    choice = ma.fields.String(
        metadata={
            "input_type": "select",
            "label": "Choice",
            "options": {PAYLOAD: PAYLOAD, "": f'"{PAYLOAD}'},
        }
    )
    listed = ma.fields.String(metadata={"datalist": [PAYLOAD], "label": f"'{PAYLOAD}"})
    data = ma.fields.Url(metadata={"data_input_type": f'"{PAYLOAD}', "label": "Data"})


@BLP.route("/")
def metadata() -> Any:
    """Describe the plugin with the payload everywhere."""
    return jsonify(
        name="evil-texts",
        version="v1.0.0",
        title=PAYLOAD,
        description=f"{PAYLOAD}\n\n[a](javascript:evil()) ![b](javascript:evil())",
        type=PAYLOAD,
        tags=[PAYLOAD],
        links=[],
        entryPoint={"href": "javascript:evil()", "uiHref": f"javascript:{PAYLOAD}"},
    )


@BLP.route("/ui/", methods=["GET", "POST"])
def frontend() -> str:
    """Show the form with everything that can be filled in."""
    return render_template(
        "simple_template.html",
        name=f"</title>{PAYLOAD}",
        version=PAYLOAD,
        schema=EvilForm(),
        values=request.values,
        errors={"text": [PAYLOAD], "_schema": [f"</span>{PAYLOAD}"]},
        process=f'"{PAYLOAD}',
        done="javascript:evil()",
        help_text=f"{PAYLOAD}\n\n[a](javascript:evil()) [b](data:text/html,{PAYLOAD})",
        example_values="javascript:evil()",
    )


@BLP.route("/own-script/")
def own_script() -> str:
    """Show a page with a script of the plugin itself."""
    return f"<!doctype html><title>x</title>{PAYLOAD}"
