"""An app with the runner's own pages and a handful of good and broken plugins."""

from __future__ import annotations

from pathlib import Path

from flask import Flask

from qhana_plugin_runner import APP_NAME, babel, plugin_loader
from qhana_plugin_runner.api import browser_rules
from qhana_plugin_runner.frontend import forms, markdown, pages

PLUGIN = """
from flask import Blueprint, render_template
from marshmallow import Schema, fields
from qhana_plugin_runner.util.plugins import QHAnaPluginBase

class Plugin(QHAnaPluginBase):
    name = "{name}"
    version = "v1.0.0"
    description = "Shows *pages*. <script>alert(1)</script>"
    tags = ["from-class"]
    calls = 0

    def get_api_blueprint(self):
        return BLP

BLP = Blueprint(Plugin.instance.identifier, __name__)

class Form(Schema):
    input_str = fields.String(data_key="inputStr")
    data = fields.Url(metadata=dict(data_input_type="*"))

@BLP.get("/")
def metadata():
    Plugin.calls += 1
    {body}

@BLP.get("/ui/")
def ui():
    return render_template("simple_template.html", schema=Form(), process="../process/")

@BLP.get("/<int:db_id>/step-ui/")
def step(db_id):
    return "x"

@BLP.post("/process/")
def process():
    return {{"status": "PENDING", "log": "", "outputs": []}}
"""

GOOD = (
    'return {"title": "Good <plugin>", "type": "processing", "tags": ["demo"],'
    ' "description": "Does **good**.", "entryPoint": {"uiHref": "./ui/"}}'
)
EVIL = 'return {"title": "Evil", "entryPoint": {"uiHref": "javascript:alert(1)"}}'
BODIES = {
    "pages_good": GOOD,
    "pages_evil": EVIL,
    "pages_failing": 'raise RuntimeError("no metadata today")',
    "pages_odd": 'return "[1, 2]", {"Content-Type": "application/json"}',
}


def create_page_app(folder: Path, debug: bool = True) -> Flask:
    """Build the app from plugins that are written into a folder."""
    folder.mkdir(exist_ok=True)
    for module, body in BODIES.items():
        name = module.replace("_", "-")
        (folder / f"{module}.py").write_text(PLUGIN.format(name=name, body=body))
    (folder / "pages_broken.py").write_text("import nothing_of_that_name\n")
    app = Flask(APP_NAME)
    app.debug = debug
    app.config["PLUGIN_FOLDERS"] = [str(folder)]
    for part in (babel, browser_rules, forms, markdown, plugin_loader, pages):
        part.init_app(app)
    app.add_url_rule("/", "api-root.RootView", pages.render_index)
    with app.app_context():
        plugins = plugin_loader.get_load_report().plugins
    for identifier, plugin in plugins.items():
        prefix = f"/plugins/{identifier}"
        app.register_blueprint(plugin.get_api_blueprint(), url_prefix=prefix)
    return app
