# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Shape: two plugins in one package, periodic tasks, routes that are imported late.

Both read the configuration in their constructor and write to it.
"""

from pathlib import Path
from typing import Any, ClassVar

from flask import Flask

from qhana_plugin_runner.api.util import SecurityBlueprint
from qhana_plugin_runner.celery import CELERY
from qhana_plugin_runner.util.plugins import QHAnaPluginBase, plugin_identifier

_plugin_name = "workflows"
__version__ = "v0.6.0"
_identifier = plugin_identifier(_plugin_name, __version__)

DEPLOY_NAME = "deploy-workflow"
DEPLOY_IDENTIFIER = plugin_identifier(DEPLOY_NAME, __version__)


class Workflows(QHAnaPluginBase):
    """The first plugin."""

    name = _plugin_name
    version = __version__
    description = "Runs workflows."
    tags = ["workflow", "bpmn"]

    instance: ClassVar["Workflows"]

    def __init__(self, app: Flask | None) -> None:
        super().__init__(app)
        # fails without an app
        folder = app.config.get("WORKFLOW_FOLDER", "workflows")
        self.config: dict[str, Any] = {
            "folder": Path(app.instance_path) / folder,
            "timeout": int(app.config.get("REQUEST_TIMEOUT", "17")),
        }
        self.config["folder"].mkdir(parents=True, exist_ok=True)
        app.config["WF_EDITOR"] = {"written": "while loading"}
        self.ui = app.config["NISQ_ANALYZER_UI_URL"]

    def get_api_blueprint(self):
        from . import routes  # late, it registers tasks

        return routes.WORKFLOWS_BLP

    def get_requirements(self) -> str:
        return "git+https://git.example.org/group/workflows.git@main#egg=workflows-lib"


class DeployWorkflow(QHAnaPluginBase):
    """The second plugin."""

    name = DEPLOY_NAME
    version = __version__
    description = "Deploys workflows."
    tags = ["workflow"]

    instance: ClassVar["DeployWorkflow"]

    def __init__(self, app: Flask | None) -> None:
        super().__init__(app)
        self.written = dict(app.config["WF_EDITOR"])

    def get_api_blueprint(self):
        return DEPLOY_BLP

    # the base class raises NotImplementedError for get_requirements()


DEPLOY_BLP = SecurityBlueprint(
    DEPLOY_IDENTIFIER,
    __name__,
    description="Deploys.",
    template_folder="deploy_templates",
)

config = Workflows.instance.config


@CELERY.on_after_finalize.connect
def setup_periodic_tasks(sender, **kwargs):
    """Poll every now and then."""
    from .watchers import watch

    sender.add_periodic_task(0.5, watch.s(), name="watch workflows")


from . import deploy_routes  # noqa: E402, F401
